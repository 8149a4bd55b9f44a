import { createStream, type EncodedText, substream } from '@tfjs-peft/peft-core';
import { randomWords } from '@tfjs-peft/peft-core/authoring';
import type { Tokenizer } from '@tfjs-peft/transformer';

/** Lengths that leave much padding, some and none in one batch. */
const lengths = [3, 8, 5, 12, 7, 16, 4, 10];

/** Texts of random tokens, the same every time: what is written is compared on them with what was meant. */
export function sampleTexts(
  { encode, vocabSize, specialTokens }: Tokenizer,
  maxTokens: number,
): readonly EncodedText[] {
  const special = new Set(specialTokens.values());
  const around = encode('', { maxTokens: Infinity });
  const first = around.inputIds.slice(0, 1);
  const last = around.inputIds.slice(1);
  return lengths.map((length, row) => {
    const words = randomWords(substream(createStream('sample texts'), String(row)), length);
    const ids = Array.from(words, (word) => word % vocabSize).filter((id) => !special.has(id));
    const inputIds = [...first, ...ids.slice(0, Math.max(1, maxTokens - around.inputIds.length)), ...last];
    return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
  });
}

/** The largest difference of two lists of logits, infinite where one of them is no number, and the largest logit. */
export function compareLogits(found: Float32Array, expected: Float32Array): { difference: number; largest: number } {
  let difference = 0;
  let largest = 0;
  expected.forEach((value, index) => {
    const distance = Math.abs(value - found[index]!);
    difference = Math.max(difference, Number.isNaN(distance) ? Infinity : distance);
    largest = Math.max(largest, Math.abs(value));
  });
  return { difference: found.length === expected.length ? difference : Infinity, largest };
}
