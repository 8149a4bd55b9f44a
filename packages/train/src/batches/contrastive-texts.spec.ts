import { describe, expect, it } from '@jest/globals';
import { createStream } from '@tfjs-peft/peft-core';
import { contrastiveTexts } from './contrastive-texts.js';

/** Texts of one token, their index, with these labels. */
const examplesOf = (...labels: number[]) =>
  labels.map((label, index) => ({ text: { inputIds: [index], tokenTypeIds: [0] }, label }));
const labels = [0, 0, 0, 1, 1, 2];
const source = contrastiveTexts(examplesOf(...labels));
const pairsOf = ({ texts, targets }: ReturnType<typeof source.batch>) =>
  targets.map((target, i) => ({
    target,
    pair: [texts[i]!.inputIds[0]!, texts[targets.length + i]!.inputIds[0]!] as const,
  }));
const stream = createStream(3);
// Of 15 pairs 4 are of one class and 11 of two.
const epoch = (number: number, batchSize = 4, from = stream) => {
  const steps = Math.ceil(source.examples / batchSize);
  return Array.from({ length: steps }, (_, i) => pairsOf(source.batch(number * steps + i + 1, batchSize, from)));
};

describe('contrastiveTexts', () => {
  it('makes half of the pairs of every batch alike, and says so in the targets', () => {
    expect(source.examples).toBe(22);
    for (const batch of [...epoch(0), ...epoch(1)]) {
      expect(batch.filter(({ target }) => target === 1)).toHaveLength(batch.length / 2);
      for (const { target, pair } of batch) expect(target).toBe(labels[pair[0]] === labels[pair[1]] ? 1 : 0);
    }
  });

  it('shows all pairs of the frequent kind once an epoch, those of the rare kind in turn', () => {
    for (const number of [0, 1]) {
      const seen = epoch(number).flat();
      const names = (target: number) => seen.filter((entry) => entry.target === target).map(({ pair }) => pair.join());
      expect(new Set(names(0)).size).toBe(11);
      expect(names(0)).toHaveLength(11);
      const counts = [...new Set(names(1))].map((name) => names(1).filter((other) => other === name).length);
      expect(counts.sort()).toEqual([2, 3, 3, 3]);
    }
    expect(epoch(0)).not.toEqual(epoch(1));
  });

  it('is a function of stream and step: it can go on anywhere', () => {
    const inOrder = [...epoch(0), ...epoch(1)];
    const elsewhere = contrastiveTexts(examplesOf(...labels));
    expect(pairsOf(elsewhere.batch(9, 4, createStream(3)))).toEqual(inOrder[8]);
    expect(pairsOf(elsewhere.batch(2, 4, createStream(3)))).toEqual(inOrder[1]);
    expect(epoch(0, 4, createStream(4))).not.toEqual(epoch(0));
    expect(elsewhere.identity).toEqual(source.identity);
    expect(contrastiveTexts(examplesOf(0, 0, 0, 1, 1, 1)).identity).not.toEqual(source.identity);
  });

  it('gives every pair once in order', () => {
    const all = [...source.inOrder(4)].flatMap(pairsOf);
    expect(all).toHaveLength(15);
    expect(new Set(all.map(({ pair }) => pair.join())).size).toBe(15);
  });

  it.each([
    ['one class', [1, 1, 1], 'two classes'],
    ['single texts', [0, 1, 2], 'one class'],
    ['nothing', [], 'one class'],
  ])('refuses %s', (_name, given, text) => {
    expect(() => contrastiveTexts(examplesOf(...given))).toThrow(
      expect.objectContaining({ code: 'PAIRS_IMPOSSIBLE', message: expect.stringContaining(`no pair of ${text}`) }),
    );
  });
});
