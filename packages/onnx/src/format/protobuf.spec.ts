import { describe, expect, it } from '@jest/globals';
import { bytes, float, integer, integers, message, nested, text, toBytes } from './protobuf.js';

const hex = (value: Parameters<typeof toBytes>[0]) => Buffer.from(toBytes(value)).toString('hex');

// The examples of protobuf's own description of the wire format, and numbers at the edges of a byte.
describe('protobuf', () => {
  it.each([
    ['150 in field 1', integer(1, 150), '089601'],
    ['"testing" in field 2', text(2, 'testing'), '120774657374696e67'],
    ['a message in field 3', nested(3, integer(1, 150)), '1a03089601'],
    ['packed numbers in field 6', integers(6, [3, 270, 86942]), '3206038e029ea705'],
    ['-2 in field 1', integer(1, -2), '08feffffffffffffffff01'],
    ['0 and 127 and 128', message(integer(1, 0), integer(1, 127), integer(1, 128)), '0800087f088001'],
    ['a field beyond 15', integer(20, 1), 'a00101'],
    ['one half as a float', float(2, 0.5), '150000003f'],
    ['bytes', bytes(9, Uint8Array.of(1, 255)), '4a0201ff'],
    ['nothing', message(), ''],
  ])('writes %s', (_what, value, expected) => {
    expect(hex(value)).toBe(expected);
    expect(value.size).toBe(expected.length / 2);
  });
});
