import { PeftError } from '../errors.js';
import { isJsonObject } from './parse-json-strict.js';

/**
 * One text for one value: keys sorted, no spaces. Two configurations are the same if their canonical texts are. Keys whose value is
 * `undefined` are left out. Errors: `NOT_JSON` for NaN, infinities, functions and other values that JSON cannot hold.
 */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value, ''));

/** The same order of keys, indented by two, with a newline at the end: for files that people read. */
export const readableJson = (value: unknown): string => `${JSON.stringify(sorted(value, ''), null, 2)}\n`;

function sorted(value: unknown, path: string): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((entry, index) => sorted(entry, `${path}[${index}]`));
  if (isJsonObject(value) && isPlain(value)) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      entries.map(([key, entry]) => [key, sorted(entry, path === '' ? key : `${path}.${key}`)]),
    );
  }
  throw new PeftError('NOT_JSON', {
    found: `${path === '' ? 'a value' : `the value at "${path}"`} is ${describe(value)}`,
    expected: 'null, booleans, finite numbers, strings, arrays and plain objects',
    fix: 'keep configurations plain data',
  });
}

/** Object literals of any realm: a worker, an iframe or a test runner has an `Object.prototype` of its own. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
const describe = (value: unknown) =>
  typeof value === 'number' ? String(value) : typeof value === 'object' ? 'an object of a class' : `a ${typeof value}`;
