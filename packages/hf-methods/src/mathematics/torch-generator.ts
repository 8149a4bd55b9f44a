/**
 * The random numbers of PyTorch's generator on the CPU, for tensors that HF peft draws from a seed and does not store: MT19937
 * (Matsumoto and Nishimura 1998), 32 bits a number. Larger seeds than 32 bits count modulo 2^32, as there.
 */
export function torchGenerator(seed: number): () => number {
  const state = new Uint32Array(624);
  state[0] = seed >>> 0;
  for (let i = 1; i < 624; i++) {
    const before = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  let next = 624;
  return () => {
    if (next === 624) {
      twist(state);
      next = 0;
    }
    let word = state[next++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < 624; i++) {
    const joined = (state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff);
    state[i] = state[(i + 397) % 624]! ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
  }
}

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

/** Draws tensors of `Tensor.uniform_(-bound, bound)`, one after the other from one generator. */
export const torchUniforms =
  (random: () => number) =>
  (count: number, bound: number): Float32Array => {
    const [low, width] = [Math.fround(-bound), Math.fround(Math.fround(bound) - Math.fround(-bound))];
    return Float32Array.from({ length: count }, () => {
      const unit = (random() & 0xffffff) / 0x1000000;
      return Math.fround(Math.fround(unit * width) + low);
    });
  };
