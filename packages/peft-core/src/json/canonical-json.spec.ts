import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, readableJson } from './canonical-json.js';
import { sha256Hex } from '../sha256-hex.js';

describe('canonicalJson', () => {
  it('does not depend on the order of keys and keeps the order of arrays', () => {
    expect(canonicalJson({ b: [2, 1], a: { d: null, c: 'x' } })).toBe('{"a":{"c":"x","d":null},"b":[2,1]}');
    expect(canonicalJson({ a: { c: 'x', d: null }, b: [2, 1] })).toBe(
      canonicalJson({ b: [2, 1], a: { d: null, c: 'x' } }),
    );
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  it('leaves undefined out and gives back the same value', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });

  it('refuses what JSON cannot hold, and names the place', () => {
    for (const value of [NaN, Infinity, () => 1, undefined, 1n, new Map(), new Float32Array(2)])
      expect(() => canonicalJson({ a: [{ b: value ?? [undefined] }] })).toThrow(/"a\[0\]\.b(\[0\])?" is/);
  });

  it('is readable with an indent of two', () => {
    expect(readableJson({ b: [], a: { c: 1 } })).toBe('{\n  "a": {\n    "c": 1\n  },\n  "b": []\n}\n');
  });
});

describe('sha256Hex', () => {
  it('gives the published digests', () => {
    expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256Hex(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(sha256Hex('abc')).toBe(sha256Hex(new Uint8Array([97, 98, 99])));
  });
});
