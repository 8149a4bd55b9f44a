import { type Stream, substream } from '@tfjs-peft/peft-core';
import { randomWords } from '@tfjs-peft/peft-core/authoring';

/** `count` indices below `size`, with replacement. The same stream gives the same ones. */
export function drawIndices(stream: Stream, size: number, count: number): Int32Array {
  const words = randomWords(stream, count);
  return Int32Array.from(words, (word) => Math.floor((word / 2 ** 32) * size));
}

/** The `draw`-th resample of `size` things below a stream. */
export const resample = (stream: Stream, draw: number, size: number, count: number): Int32Array =>
  drawIndices(substream(stream, draw), size, count);
