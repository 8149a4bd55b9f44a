import { PeftError } from './errors.js';

const poolSize = 4;
const mask64 = (1n << 64n) - 1n;

/** Keeps the running multiplier of the hash: each call uses and advances it. */
function hasher(start: number, multiplier: number) {
  let constant = start;
  return (value: number): number => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, multiplier);
    const product = Math.imul(mixed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  };
}

function mix(x: number, y: number): number {
  const result = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
  return (result ^ (result >>> 16)) >>> 0;
}

/**
 * numpy's `SeedSequence(seed).generate_state(count, uint64)`: stretches an integer of any size to well-mixed words
 * (after M. O'Neill's `seed_seq_fe`). Errors: `SEED_INVALID`.
 */
export function seedSequence(seed: number | bigint, count: number): bigint[] {
  const entropy = toWords(seed);
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: poolSize }, (_, i) => hash(entropy[i] ?? 0));
  for (let source = 0; source < poolSize; source++)
    for (let target = 0; target < poolSize; target++)
      if (source !== target) pool[target] = mix(pool[target]!, hash(pool[source]!));
  for (const word of entropy.slice(poolSize))
    for (let target = 0; target < poolSize; target++) pool[target] = mix(pool[target]!, hash(word));
  const draw = hasher(0x8b51f9dd, 0x58f38ded);
  const words = Array.from({ length: 2 * count }, (_, i) => BigInt(draw(pool[i % poolSize]!)));
  return Array.from({ length: count }, (_, i) => (words[2 * i]! | (words[2 * i + 1]! << 32n)) & mask64);
}

/** Little-endian 32-bit words of the seed; zero is one word. */
function toWords(seed: number | bigint): number[] {
  let rest = checkSeed(seed);
  const words: number[] = [];
  do {
    words.push(Number(rest & 0xffffffffn));
    rest >>= 32n;
  } while (rest > 0n);
  return words;
}

/** The seed as a bigint. Errors: `SEED_INVALID` unless it is a whole number of at least 0 that a double holds exactly. */
export function checkSeed(seed: number | bigint): bigint {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) throw invalidSeed(seed);
  if (seed < 0) throw invalidSeed(seed);
  return BigInt(seed);
}

const invalidSeed = (seed: number | bigint) =>
  new PeftError('SEED_INVALID', {
    found: `seed ${seed}`,
    expected: 'a whole number from 0 to 2^53 - 1, or a bigint of at least 0',
    fix: 'choose another seed',
  });
