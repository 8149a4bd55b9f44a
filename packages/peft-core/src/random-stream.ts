import { sha256 } from '@noble/hashes/sha2.js';

// Looked up once: reading a global in a loop is slow inside the virtual machine contexts that test runners use.
const { cos, floor, imul, log, PI, sin, sqrt } = Math;

/**
 * A named source of random numbers. A stream is a value, not a state: the same stream always gives the same numbers, on every
 * backend, and drawing from one never moves another. Derive what you need with {@link substream}.
 */
export interface Stream {
  /** Readable path of the stream, for logs: `42/initial-values/head.classifier.weight`. */
  readonly path: string;
  /** Philox key: the first 64 bits of SHA-256 of the path. */
  readonly key: readonly [number, number];
}

/** The root stream of a seed. */
export const createStream = (seed: number | string): Stream => streamAt(escapeSegment(seed));

/** The stream named by `path` below `stream`. Segments may be names or counters (a step, an example). */
export const substream = (stream: Stream, ...path: readonly (string | number)[]): Stream =>
  streamAt([stream.path, ...path.map(escapeSegment)].join('/'));

const escapeSegment = (segment: string | number) => String(segment).replaceAll('~', '~0').replaceAll('/', '~1');

function streamAt(path: string): Stream {
  const view = new DataView(sha256(new TextEncoder().encode(path)).buffer);
  return { path, key: [view.getUint32(0), view.getUint32(4)] };
}

/**
 * `count` uniform 32-bit words: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") in counter mode.
 * Word `i` depends on the stream and on `i` alone.
 */
export function randomWords(stream: Stream, count: number): Uint32Array {
  const words = new Uint32Array(Math.ceil(count / 4) * 4);
  for (let block = 0; block * 4 < count; block++)
    philoxBlock(words, block * 4, block, 0, 0, 0, stream.key[0], stream.key[1]);
  return words.subarray(0, count);
}

/** Writes the four words of one Philox block at `offset`. Exported for the published test vectors. */
export function philoxBlock(
  out: Uint32Array,
  offset: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[offset] = c0;
  out[offset + 1] = c1;
  out[offset + 2] = c2;
  out[offset + 3] = c3;
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + floor(middle / 65536) + floor(carry / 65536)) | 0;
}

/** `count` numbers uniform in [0, 1) with 24 random bits each, exact in float32. */
export function uniforms(stream: Stream, count: number): Float32Array {
  const words = randomWords(stream, count);
  return Float32Array.from(words, (word) => (word >>> 8) / 0x1000000);
}

/** `count` standard normal numbers (Box-Muller on pairs of 32-bit words). */
export function normals(stream: Stream, count: number): Float32Array {
  const words = randomWords(stream, count + (count % 2));
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = sqrt(-2 * log((words[i]! + 1) / 0x100000000));
    const angle = (2 * PI * words[i + 1]!) / 0x100000000;
    values[i] = radius * cos(angle);
    if (i + 1 < count) values[i + 1] = radius * sin(angle);
  }
  return values;
}

/** A uniformly random order of 0..count-1 (Fisher-Yates, unbiased up to 2^-21 for counts below a million). */
export function randomPermutation(stream: Stream, count: number): Int32Array {
  const words = randomWords(stream, count);
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = floor((words[i]! / 0x100000000) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
