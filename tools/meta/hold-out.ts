import { createStream, substream } from '@tfjs-peft/peft-core';
import { randomPermutation } from '@tfjs-peft/peft-core/authoring';

/** Tasks in an order of the seed: `count` of them are held out, the others are seen. */
export function holdOut<Task>(tasks: readonly Task[], count: number, seed: number) {
  const order = [...randomPermutation(substream(createStream(seed), 'held-out tasks'), tasks.length)];
  const shuffled = order.map((place) => tasks[place]!);
  return { seen: shuffled.slice(count), heldOut: shuffled.slice(0, count) };
}
