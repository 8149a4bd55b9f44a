import { mersenneTwister } from '@tfjs-peft/peft-core/authoring';

// Looked up once: reading a global in a loop is slow inside the virtual machine contexts that test runners use.
const { fround } = Math;

/**
 * The random numbers of PyTorch's generator on the CPU, for tensors that HF peft draws from a seed and does not store: 32 bits a number. Larger
 * seeds than 32 bits count modulo 2^32, as there.
 */
export const torchGenerator = (seed: number): (() => number) => mersenneTwister(seed >>> 0);

/** The first `count` places of `torch.randperm(size)`. */
export function torchPermutation(seed: number, size: number, count: number): Int32Array {
  const random = torchGenerator(seed);
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let i = 0; i < Math.min(count, size - 1); i++) {
    const j = i + (random() % (size - i));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order.slice(0, count);
}

/** A number of `torch.rand` in float32, from [0, 1). */
export const torchUnit = (random: () => number): number => (random() & 0xffffff) / 0x1000000;

/** Draws tensors of `Tensor.uniform_(-bound, bound)`, one after the other from one generator. */
export const torchUniforms =
  (random: () => number) =>
  (count: number, bound: number): Float32Array => {
    const [low, width] = [fround(-bound), fround(fround(bound) - fround(-bound))];
    return Float32Array.from({ length: count }, () => {
      return fround(fround(torchUnit(random) * width) + low);
    });
  };
