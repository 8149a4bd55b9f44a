import type { Tree } from '@nx/devkit';
import type { MethodNames } from './method-names.js';
import { readTemplate, type TemplateFile } from './read-template.js';

/** Throws an error that says why this repository cannot take a method of this name. */
export function checkName({ kebab, camel, type }: MethodNames, tree: Tree): void {
  for (const path of [`packages/${kebab}`, `docs/${kebab}.md`])
    if (tree.exists(path)) throw new Error(`${path} exists already. Choose another name, or remove it first.`);
  if (kebab.endsWith('-subspace'))
    throw new Error(
      `"${kebab}" ends in "-subspace": such names are those of simplexes over a method. Choose another one.`,
    );
  const words = readTemplate('outside').flatMap(({ path, text }: TemplateFile) =>
    path.endsWith('.ts') ? (text.match(/[A-Za-z_$][\w$]*/g) ?? []) : [],
  );
  if (isReserved(camel) || words.includes(camel))
    throw new Error(`"${camel}" has a meaning in the sources of a method already. Choose another name.`);
  const taken = findLiteral(tree, 'packages', [`'${type}'`, `'${kebab}'`]);
  if (taken)
    throw new Error(`${taken.literal} is in use in ${taken.path}. Choose a name that no method, preset or task has.`);
}

function isReserved(identifier: string): boolean {
  try {
    new Function(`'use strict'; const ${identifier} = 0;`);
    return identifier === 'await';
  } catch {
    return true;
  }
}

/** Where one of the literals is in the sources of a package, specs left out. */
function findLiteral(tree: Tree, packages: string, literals: readonly string[]) {
  const search = (path: string): { readonly literal: string; readonly path: string } | undefined => {
    if (!tree.isFile(path)) return firstOf(tree.children(path), (child) => search(`${path}/${child}`));
    if (!path.endsWith('.ts') || path.endsWith('.spec.ts')) return undefined;
    const text = tree.read(path, 'utf8') ?? '';
    const literal = literals.find((each) => text.includes(each));
    return literal === undefined ? undefined : { literal, path };
  };
  return firstOf(tree.children(packages), (name) => search(`${packages}/${name}/src`));
}

function firstOf<Item, Found>(items: readonly Item[], find: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
