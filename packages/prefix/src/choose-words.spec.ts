import { describe, expect, it } from '@jest/globals';
import { padBatch } from '@tfjs-peft/peft-core';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { chooseWords } from './choose-words.js';

useTestBackend();

const encode = (inputIds: number[]) => ({ inputIds, tokenTypeIds: inputIds.map(() => 0) });
/** Batches of token ids; counts how many were asked for. */
function batches(...texts: number[][][]) {
  const asked = { count: 0 };
  const data = {
    async *[Symbol.asyncIterator]() {
      for (const batch of texts) {
        asked.count++;
        yield { inputs: padBatch(batch.map(encode), 0), targets: null };
      }
    },
  };
  return { data, asked };
}

describe('chooseWords', () => {
  const first = [
    [101, 7, 8, 7, 102],
    [101, 9, 102, 8, 10, 102],
  ];
  const second = [[101, 11, 12, 8, 13, 102]];

  it('takes distinct words in order, framed by the special tokens, which are no words wherever they stand', async () => {
    const { data, asked } = batches(first, second);
    expect(await chooseWords(data, 3, 0, 0)).toEqual({ before: [101], words: [7, 8, 9], after: [102] });
    expect(asked.count).toBe(1);
  });

  it('gives vertices lists that share no word and reads on for them', async () => {
    const { data, asked } = batches(first, second);
    const lists = await Promise.all([0, 1, 2, 3].map((vertex) => chooseWords(data, 1, vertex, 0)));
    expect(lists.map(({ words }) => words)).toEqual([[7], [8], [9], [10]]);
    expect((await chooseWords(data, 3, 1, 0)).words).toEqual([10, 11, 12]);
    expect(asked.count).toBe(4 + 2);
  });

  it('has no frame where texts begin and end with words', async () => {
    const plain = [
      [7, 8, 9],
      [8, 10, 11],
    ];
    expect(await chooseWords(batches(plain).data, 4, 0, 0)).toEqual({ before: [], words: [7, 8, 9, 10], after: [] });
  });

  it('refuses texts with too few words instead of repeating them', async () => {
    const { data } = batches(first, second);
    expect((await chooseWords(data, 7, 0, 0)).words).toEqual([7, 8, 9, 10, 11, 12, 13]);
    const refused = expect.objectContaining({ code: 'WORDS_TOO_FEW', message: expect.stringContaining('7 distinct') });
    await expect(chooseWords(data, 8, 0, 0)).rejects.toEqual(refused);
    await expect(chooseWords(data, 4, 1, 0)).rejects.toEqual(refused);
    await expect(chooseWords(batches().data, 1, 0, 0)).rejects.toMatchObject({ code: 'WORDS_TOO_FEW' });
  });
});
