import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { uniformInt } from 'pure-rand/distribution/uniformInt';

/** The choices behind one input. */
export interface Random {
  /** A whole number from 0 to `count - 1`; 0 where there is nothing to choose from. */
  below(count: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Input `index` of a reader under a seed: the same three always give the same input, whatever ran before. */
export function createRandom(seed: number, reader: string, index: number): Random {
  let hash = seed | 0;
  for (const character of `${reader}/${index}`) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193) | 0;
  const generator = xoroshiro128plus(hash);
  // Its first numbers hardly depend on the seed.
  for (let i = 0; i < 16; i++) generator.next();
  const below = (count: number) => (count <= 1 ? 0 : uniformInt(generator, 0, count - 1));
  return {
    below,
    chance: (probability) => below(1_000_000) < probability * 1_000_000,
    pick: (list) => list[below(list.length)]!,
  };
}
