import { bounds } from '../bounds.js';
import { PeftError } from '../errors.js';
import type { Json, JsonObject } from './json.js';

/** How large and how deep a JSON text may be. */
export interface JsonLimits {
  /** Largest size of the text. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Deepest nesting of objects and arrays. Default 32. */
  readonly maxDepth?: number;
}

/**
 * JSON from an untrusted file. Stricter than `JSON.parse`: bounded size and depth, valid UTF-8, no key twice in one object (`JSON.parse`
 * keeps the last silently), no `__proto__` key, no number beyond the range of a double. `name` is the file's name in messages.
 * Errors: `JSON_TOO_LARGE`, `JSON_NOT_UTF8`, `JSON_TOO_DEEP`, `JSON_DUPLICATE_KEY`, `JSON_KEY_FORBIDDEN`, `JSON_INVALID`.
 */
export function parseJsonStrict(
  input: Uint8Array | string,
  name: string,
  { maxBytes = bounds.jsonBytes, maxDepth = 32 }: JsonLimits = {},
): Json {
  if (input.length > maxBytes)
    throw new PeftError('JSON_TOO_LARGE', {
      found: `${name}: ${input.length} bytes of JSON`,
      expected: `at most ${maxBytes} bytes`,
      fix: 'check that this is the right file',
    });
  const text = typeof input === 'string' ? input : decodeUtf8(input, name);
  checkText(text, name, maxDepth);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new PeftError('JSON_INVALID', {
      found: `${name}: not valid JSON (${cause instanceof Error ? cause.message : String(cause)})`,
      fix: 'correct the file or fetch it again; an error page or a Git LFS pointer may have been saved in its place',
      cause,
    });
  }
}

/** {@link parseJsonStrict} for a file that holds one object. Errors: also `JSON_NOT_OBJECT`. */
export function parseJsonObject(input: Uint8Array | string, name: string, limits?: JsonLimits): JsonObject {
  const value = parseJsonStrict(input, name, limits);
  if (isJsonObject(value)) return value;
  throw new PeftError('JSON_NOT_OBJECT', {
    found: `${name}: ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}`,
    expected: 'a JSON object',
    fix: 'check that this is the right file',
  });
}

/** True for an object of JSON: no array, no null. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PeftError('JSON_NOT_UTF8', {
      found: `${name}: bytes that are not valid UTF-8`,
      expected: 'JSON in UTF-8',
      fix: 'check that this is the right file, or save it as UTF-8',
      cause,
    });
  }
}

/** One pass over the raw text. What is malformed otherwise is left to `JSON.parse`, which comes after. */
function checkText(text: string, name: string, maxDepth: number): void {
  /** Keys of the objects that are open, made with the first key: millions of empty objects cost nothing. */
  const scopes: (Set<string> | 'object' | 'array')[] = [];
  let keyComesNext = false;
  const open = (scope: 'object' | 'array') => {
    scopes.push(scope);
    keyComesNext = scope === 'object';
    if (scopes.length > maxDepth)
      throw new PeftError('JSON_TOO_DEEP', {
        found: `${name}: JSON nested deeper than ${maxDepth} levels`,
        expected: `at most ${maxDepth} levels`,
        fix: 'check that this is the right file',
      });
  };
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: {
        const end = endOfString(text, i);
        if (keyComesNext) {
          const scope = scopes[scopes.length - 1];
          const keys = scope instanceof Set ? scope : new Set<string>();
          scopes[scopes.length - 1] = keys;
          addKey(keys, text.slice(i, end + 1), name);
        }
        keyComesNext = false;
        i = end;
        break;
      }
      case 0x7b:
        open('object');
        break;
      case 0x5b:
        open('array');
        break;
      case 0x7d:
      case 0x5d:
        scopes.pop();
        keyComesNext = false;
        break;
      case 0x2c:
        keyComesNext = scopes.length > 0 && scopes[scopes.length - 1] !== 'array';
        break;
      default:
        if (isDigit(text.charCodeAt(i))) i = endOfNumber(text, i, name) - 1;
    }
  }
}

/** Index of the closing quote of the string that opens at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) return i;
    if (code === 0x5c) i++;
  }
  return text.length;
}

const isDigit = (code: number) => code >= 0x30 && code <= 0x39;
const inNumber = /[-+.\dEe]*/y;

/** Index after the number that begins at `start`. Errors: `JSON_INVALID` for one beyond the range of a double. */
function endOfNumber(text: string, start: number, name: string): number {
  inNumber.lastIndex = start;
  const literal = inNumber.exec(text)![0];
  if (Number(literal) === Infinity) throw outOfRange(literal, name);
  return start + literal.length;
}

const outOfRange = (literal: string, name: string) =>
  new PeftError('JSON_INVALID', {
    found: `${name}: not valid JSON (the number ${literal.slice(0, 40)} is out of range)`,
    fix: 'correct the file or fetch it again',
  });

function addKey(scope: Set<string>, literal: string, name: string): void {
  let key: string;
  try {
    key = JSON.parse(literal) as string;
  } catch {
    return;
  }
  if (key === '__proto__')
    throw new PeftError('JSON_KEY_FORBIDDEN', {
      found: `${name}: the key "__proto__"`,
      expected: 'keys that cannot change an object',
      fix: 'do not use this file; nothing that writes such files uses this key',
    });
  if (scope.has(key))
    throw new PeftError('JSON_DUPLICATE_KEY', {
      found: `${name}: the key ${JSON.stringify(key)} twice in one object`,
      expected: 'each key once',
      fix: 'take one of them out, or fetch the file again',
    });
  scope.add(key);
}
