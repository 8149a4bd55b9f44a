import { changeJson, writeJson } from './change-json.js';
import type { Random } from './random.js';

const headerWords = [
  'F32',
  'F16',
  'BF16',
  'I64',
  'F64',
  'BOOL',
  'I8',
  '__metadata__',
  'dtype',
  'shape',
  'data_offsets',
  'format',
  'pt',
];

/** A safetensors file with a changed header whose length is true (mostly), so that what is behind it is reached; null for another file. */
export function changeSafetensors(
  bytes: Uint8Array,
  random: Random,
  words: readonly string[],
  changes: number,
): Uint8Array | null {
  if (bytes.length < 8) return null;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8) return null;
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString('utf8'));
  } catch {
    return null;
  }
  let data = bytes.subarray(8 + length);
  if (random.chance(0.15)) {
    // A consistent file with other numbers, or one more or fewer: NaN and infinities among them.
    data = new Uint8Array(data);
    for (let i = random.below(8); i >= 0 && data.length > 0; i--)
      data[random.below(data.length)] = random.pick([0, 0x7f, 0x80, 0xff]);
  } else for (let i = 0; i < changes; i++) header = changeJson(header, random, [...headerWords, ...words]);
  if (random.chance(0.05)) data = data.subarray(0, random.below(data.length + 1));
  const json = Buffer.from(writeJson(header, random));
  const padded = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + padded + data.length).fill(0x20, 8, 8 + padded);
  new DataView(out.buffer).setBigUint64(0, BigInt(random.chance(0.95) ? padded : random.below(2 * padded + 2)), true);
  out.set(json, 8);
  out.set(data, 8 + padded);
  return out;
}
