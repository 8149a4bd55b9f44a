import { canonicalJson, isJsonObject } from '@tfjs-peft/peft-core/files';

/** A key that differs, with both values as JSON (`nothing` where it is absent). */
export interface Difference {
  readonly key: string;
  readonly found: string;
  readonly expected: string;
}

/** The leaves at which two plain values differ, in the order of their keys. */
export function compareConfigurations(found: unknown, expected: unknown, path = ''): Difference[] {
  if (isJsonObject(found) && isJsonObject(expected))
    return [...new Set([...Object.keys(found), ...Object.keys(expected)])]
      .sort()
      .flatMap((key) => compareConfigurations(found[key], expected[key], path === '' ? key : `${path}.${key}`));
  const texts = [found, expected].map((value) => (value === undefined ? 'nothing' : canonicalJson(value)));
  return texts[0] === texts[1] ? [] : [{ key: path, found: texts[0]!, expected: texts[1]! }];
}

/** The first differences as one line, for messages. */
export function describeDifferences(differences: readonly Difference[], limit = 3): string {
  const shown = differences.slice(0, limit).map(({ key, found, expected }) => `${key} is ${found}, not ${expected}`);
  const more = differences.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
