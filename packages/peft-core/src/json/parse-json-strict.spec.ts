import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPeftError, type PeftError } from '../errors.js';
import { parseJsonObject, parseJsonStrict } from './parse-json-strict.js';

const errorOf = (run: () => unknown): PeftError => {
  try {
    run();
  } catch (error) {
    if (isPeftError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const codeOf = (text: Uint8Array | string) => errorOf(() => parseJsonStrict(text, 'a.json')).code;

describe('parseJsonStrict', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'));
        expect(parseJsonStrict(JSON.stringify(value, null, 1), 'a.json', { maxDepth: 1000 })).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  it('refuses a key that appears twice in one object, also when it is spelt with escapes', () => {
    expect(codeOf('{"a":1,"b":{"a":2},"a":3}')).toBe('JSON_DUPLICATE_KEY');
    expect(codeOf('{"a":1,"\\u0061":3}')).toBe('JSON_DUPLICATE_KEY');
    expect(codeOf('[{"x":{"k":1,"k":1}}]')).toBe('JSON_DUPLICATE_KEY');
    expect(parseJsonStrict('[{"a":"a"},{"a":["a","a"],"b":"a"}]', 'a.json')).toEqual([
      { a: 'a' },
      { a: ['a', 'a'], b: 'a' },
    ]);
  });

  it('is not misled by quotes, braces and commas inside strings', () => {
    const text = '{"a":"\\"{,\\\\","b\\"":["}",",\\"a\\":"],"c":1}';
    expect(parseJsonStrict(text, 'a.json')).toEqual(JSON.parse(text));
  });

  it('refuses __proto__ as a key, however deep, and not as a value', () => {
    expect(codeOf('{"__proto__":{"admin":true}}')).toBe('JSON_KEY_FORBIDDEN');
    expect(codeOf('[{"x":{"\\u005f_proto__":1}}]')).toBe('JSON_KEY_FORBIDDEN');
    expect(parseJsonStrict('["__proto__"]', 'a.json')).toEqual(['__proto__']);
  });

  it('refuses nesting beyond the limit before it can exhaust the stack', () => {
    expect(codeOf('['.repeat(1_000_000))).toBe('JSON_TOO_DEEP');
    expect(codeOf('{"a":'.repeat(33) + '1' + '}'.repeat(33))).toBe('JSON_TOO_DEEP');
    expect(codeOf('['.repeat(32))).toBe('JSON_INVALID');
  });

  it('refuses text that is too large, not UTF-8, not JSON or out of range', () => {
    expect(codeOf(' '.repeat(2 ** 20 + 1))).toBe('JSON_TOO_LARGE');
    expect(codeOf(new Uint8Array([0x22, 0xc3, 0x28, 0x22]))).toBe('JSON_NOT_UTF8');
    for (const text of [
      '',
      '{',
      '{"a"',
      '{"a":}',
      "{'a':1}",
      '{"a":NaN}',
      '{"a":1,}',
      '"\\',
      '\uFEFF{}',
      '{"a":1e999}',
    ])
      expect(codeOf(text)).toBe('JSON_INVALID');
  });

  it('names the file and the key', () => {
    const error = errorOf(() => parseJsonStrict('{"rank":1,"rank":2}', 'adapter_config.json'));
    expect(error.message).toContain('adapter_config.json');
    expect(error.message).toContain('"rank"');
  });

  it('fails only with PeftError on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.uint8Array()), (input) => {
        try {
          parseJsonStrict(input, 'a.json');
        } catch (error) {
          expect(isPeftError(error)).toBe(true);
        }
      }),
    );
  });
});

describe('parseJsonObject', () => {
  it('wants an object', () => {
    expect(parseJsonObject('{"a":1}', 'a.json')).toEqual({ a: 1 });
    for (const text of ['[]', 'null', '3', '"a"'])
      expect(errorOf(() => parseJsonObject(text, 'a.json')).code).toBe('JSON_NOT_OBJECT');
  });
});
