import type { Random } from './random.js';
import { weirdNumbers } from './weird.js';

/** No input grows beyond this. */
const maxBytes = 1 << 18;

const replace = (bytes: Uint8Array, start: number, end: number, middle: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length - (end - start) + middle.length);
  out.set(bytes.subarray(0, start));
  out.set(middle, start);
  out.set(bytes.subarray(end), start + middle.length);
  return out;
};

/** One change of bytes that knows nothing of the format. `other` is another good input, to take a piece from. */
export function changeBytes(
  bytes: Uint8Array,
  random: Random,
  other: Uint8Array,
  words: readonly string[],
): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = random.below(Math.min(32, bytes.length - at) + 1);
  switch (random.below(10)) {
    case 0: {
      const out = new Uint8Array(bytes);
      if (out.length > 0) out[random.below(out.length)]! ^= 1 << random.below(8);
      return out;
    }
    case 1: {
      const out = new Uint8Array(bytes);
      if (out.length > 0)
        out[random.below(out.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, 10, 34, 92, random.below(256)]);
      return out;
    }
    case 2:
      return replace(bytes, at, at + length, new Uint8Array());
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return replace(
        bytes,
        at,
        at,
        Uint8Array.from({ length: 1 + random.below(16) }, () => random.below(256)),
      );
    case 5: {
      // A piece again, often many times.
      const piece = bytes.subarray(at, at + length);
      const times = Math.min(1 << random.below(12), Math.ceil((maxBytes - bytes.length) / Math.max(1, piece.length)));
      const again = new Uint8Array(Math.max(0, times) * piece.length);
      for (let i = 0; i < again.length; i += piece.length) again.set(piece, i);
      return replace(bytes, at, at, again);
    }
    case 6: {
      const from = random.below(other.length + 1);
      return replace(bytes, at, at + length, other.subarray(from, from + random.below(64)));
    }
    case 7:
      return replace(bytes, at, at + (random.chance(0.5) ? length : 0), Buffer.from(random.pick([...words, ''])));
    case 8: {
      const out = new Uint8Array(bytes);
      const view = new DataView(out.buffer);
      const width = random.pick([2, 4, 8]);
      if (out.length < width) return out;
      const place = random.chance(0.3) ? 0 : random.below(out.length - width + 1);
      const number = Math.trunc(random.pick(weirdNumbers));
      if (width === 8) view.setBigUint64(place, BigInt.asUintN(64, BigInt(number)), true);
      else if (width === 4) view.setUint32(place, number, true);
      else view.setUint16(place, number, true);
      return out;
    }
    default: {
      // Digits are sizes, counts and places in any text format.
      const text = Buffer.from(bytes).toString('latin1');
      const numbers = [...text.matchAll(/\d+/g)];
      if (numbers.length === 0) return bytes;
      const found = random.pick(numbers);
      return replace(bytes, found.index, found.index + found[0].length, Buffer.from(String(random.pick(weirdNumbers))));
    }
  }
}
