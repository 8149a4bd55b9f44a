import { PeftError, type Stream } from '@tfjs-peft/peft-core';
import { createEpochOrder, placeOfStep } from './batch-order.js';
import type { BatchSource, TextBatch } from './batch-source.js';
import { identifyExamples, type LabelledExample } from './labelled-texts.js';
import { checkTexts } from './pad-texts.js';

/**
 * Pairs of texts for `contrastivePairs`, half of them of one class and half of two (SetFit's oversampling: the rarer kind comes again). Every
 * epoch is a new order of all pairs of the more frequent kind. The target of a pair is 1 for one class, 0 for two.
 * Errors: `PAIRS_IMPOSSIBLE` for one class only, or where no class has two texts; `TEXT_EMPTY`.
 */
export function contrastiveTexts(examples: readonly LabelledExample[]): BatchSource<readonly number[]> {
  checkTexts(
    examples.map(({ text }) => text),
    'train',
  );
  const pairs = allPairs(examples);
  const [same, different] = [
    pairs.filter(([a, b]) => alike(examples, a, b)),
    pairs.filter(([a, b]) => !alike(examples, a, b)),
  ];
  if (same.length === 0 || different.length === 0)
    throw new PeftError('PAIRS_IMPOSSIBLE', {
      found: `${examples.length} texts of ${new Set(examples.map(({ label }) => label)).size} classes: no pair of ${same.length === 0 ? 'one class' : 'two classes'}`,
      expected: 'at least two classes, one of them with two texts',
      fix: 'add texts, or train with cross entropy',
    });
  const perKind = Math.max(same.length, different.length);
  const kinds = [
    { name: 'same', list: same, orderOf: createEpochOrder(same.length) },
    { name: 'different', list: different, orderOf: createEpochOrder(different.length) },
  ];
  /** Kinds take turns; the rarer one starts over, in another order, when it has come to its end. */
  const pairAt = (place: number, epoch: number, stream: Stream): Pair => {
    const { name, list, orderOf } = kinds[place % 2]!;
    const index = Math.floor(place / 2);
    return list[orderOf(stream, name, epoch, Math.floor(index / list.length))[index % list.length]!]!;
  };
  const toTexts = (chosen: readonly Pair[]): TextBatch<readonly number[]> => ({
    texts: [0, 1].flatMap((side) => chosen.map((pair) => examples[pair[side]!]!.text)),
    targets: chosen.map(([a, b]) => Number(alike(examples, a, b))),
  });
  return {
    identity: { ...identifyExamples(examples), pairs: 2 * perKind },
    examples: 2 * perKind,
    batch(step, batchSize, stream) {
      const { epoch, start } = placeOfStep(step, 2 * perKind, batchSize);
      const count = Math.min(batchSize, 2 * perKind - start);
      return toTexts(Array.from({ length: count }, (_, i) => pairAt(start + i, epoch, stream)));
    },
    *inOrder(batchSize) {
      for (let start = 0; start < pairs.length; start += batchSize)
        yield toTexts(pairs.slice(start, start + batchSize));
    },
  };
}

type Pair = readonly [number, number];

const alike = (examples: readonly LabelledExample[], a: number, b: number): boolean =>
  examples[a]!.label === examples[b]!.label;

const allPairs = (examples: readonly LabelledExample[]): Pair[] =>
  examples.flatMap((_, a) => examples.slice(a + 1).map((_, offset): Pair => [a, a + 1 + offset]));
