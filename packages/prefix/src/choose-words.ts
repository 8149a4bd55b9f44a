import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import type { Batch } from '@tfjs-peft/peft-core/authoring';

/** Words as one text: their token ids, and the special tokens that frame them. */
export interface WordText {
  /** `[CLS]` of BERT; empty where texts begin with nothing in common. */
  readonly before: readonly number[];
  readonly words: readonly number[];
  readonly after: readonly number[];
}

/**
 * The words that a prefix starts from: distinct tokens of the texts in their order; vertex v gets numbers v · count to (v + 1) · count − 1, so
 * that no two vertices share one. Special tokens are told by their places: ids with which all texts of the first batch begin or end. They
 * are no words, and frame them. Reads no more batches than it needs. Errors: `WORDS_TOO_FEW`.
 */
export async function chooseWords(
  batches: AsyncIterable<Batch>,
  count: number,
  vertex: number,
  padTokenId: number,
): Promise<WordText> {
  const needed = (vertex + 1) * count;
  const words = new Set<number>();
  let frame: Pick<WordText, 'before' | 'after'> | undefined;
  for await (const { inputs } of batches) {
    const texts = await readTexts(inputs);
    frame ??= { before: common(texts.map((text) => text[0]!)), after: common(texts.map((text) => text.at(-1)!)) };
    const special = new Set([padTokenId, ...frame.before, ...frame.after]);
    for (const id of texts.flat()) if (!special.has(id)) words.add(id);
    if (words.size >= needed) break;
  }
  if (frame && words.size >= needed) return { ...frame, words: [...words].slice(needed - count, needed) };
  throw new PeftError('WORDS_TOO_FEW', {
    found: `${words.size} distinct tokens in the training texts`,
    expected: `${needed}: ${count} for the prefix${vertex > 0 ? ` of each of at least ${vertex + 1} vertices` : ''} (initialisation "activation")`,
    fix: 'give more texts, shorten prefixLength, or use initialisation "bert"',
  });
}

/** Token ids of a batch, text by text, without padding. */
async function readTexts({ inputIds, attentionMask }: HostInputs): Promise<number[][]> {
  const [ids, mask] = await Promise.all([inputIds.data(), attentionMask.data()]);
  const [rows, tokens] = inputIds.shape;
  return Array.from({ length: rows }, (_, row) =>
    Array.from(ids.subarray(row * tokens, (row + 1) * tokens)).filter((_id, i) => mask[row * tokens + i] === 1),
  ).filter((text) => text.length > 0);
}

const common = (ids: readonly number[]): number[] => (new Set(ids).size === 1 ? [ids[0]!] : []);
