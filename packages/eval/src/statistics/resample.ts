import { type Stream, substream } from '@tfjs-peft/peft-core';
import { randomWords } from '@tfjs-peft/peft-core/authoring';

/** `count` indices below `size`, with replacement. The same stream gives the same ones. */
export function drawIndices(stream: Stream, size: number, count: number): Int32Array {
  const words = randomWords(stream, count);
  const indices = new Int32Array(count);
  // Storing into whole numbers cuts off the fraction.
  for (let at = 0; at < count; at++) indices[at] = (words[at]! / 4294967296) * size;
  return indices;
}

/** The `draw`-th resample of `size` things below a stream. */
export const resample = (stream: Stream, draw: number, size: number, count: number): Int32Array =>
  drawIndices(substream(stream, draw), size, count);
