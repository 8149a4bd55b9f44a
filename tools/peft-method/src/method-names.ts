/** The spellings of one method's name, all made from the kebab-case one. */
export interface MethodNames {
  /** `my-method`: folder, package, preset, namespace of the parameters. */
  readonly kebab: string;
  /** `myMethod`: the function. */
  readonly camel: string;
  /** `MyMethod`: types. */
  readonly pascal: string;
  /** `MY_METHOD`: the type in the registry and in files. */
  readonly type: string;
  /** `My method`: headings. */
  readonly title: string;
}

const capitalised = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** Throws an error that says what a name may look like. */
export function methodNames(name: string): MethodNames {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 40)
    throw new Error(
      `"${name}" cannot be the name of a method. Expected: kebab-case of at most 40 characters, such as output-scales.`,
    );
  const words = name.split('-');
  const pascal = words.map(capitalised).join('');
  return {
    kebab: name,
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    pascal,
    type: words.join('_').toUpperCase(),
    title: capitalised(words.join(' ')),
  };
}

/** The name that stands for the method in the templates. */
const templateNames = methodNames('my-method');

/** A template's text or path with the method's names in it. */
export const renameMethod = (text: string, names: MethodNames): string =>
  (Object.keys(templateNames) as (keyof MethodNames)[]).reduce(
    (renamed, spelling) => renamed.replaceAll(templateNames[spelling], names[spelling]),
    text,
  );
