import {
  type Context,
  createStream,
  type EncodedText,
  type Host,
  evaluationContext,
  padBatch,
  type Readout,
  sitesOfKind,
} from '@tfjs-peft/peft-core';
import { type ActivationStore, createActivationStore, remembering } from '@tfjs-peft/peft-core/authoring';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { createRandomHost, type RandomHostOptions } from './create-random-host.js';

useTestBackend();

const sizes = {
  hiddenSize: 8,
  numHiddenLayers: 3,
  numAttentionHeads: 2,
  intermediateSize: 12,
  vocabSize: 20,
  maxPositionEmbeddings: 24,
};
const families = ['bert', 'roberta', 'distilbert', 'electra', 'mpnet', 'albert', 'deberta-v2', 'modernbert'] as const;

const textOf = (length: number, first: number): EncodedText => ({
  inputIds: Array.from({ length }, (_, i) => 5 + ((first + 3 * i) % 15)),
  tokenTypeIds: Array(length).fill(0),
});
/** Much padding, which is left out, and little. */
const sparse = [textOf(9, 1), textOf(3, 2), textOf(4, 3)];
const dense = [textOf(8, 1), textOf(8, 2), textOf(7, 4)];

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.5, 'float32', seed);
const headAt = (readout: Readout): Intervention => ({
  kind: 'readout',
  readout,
  weight: normal([2, 8], 1),
  bias: normal([2], 2),
  dropout: 0,
});

/** Something of several kinds in one layer alone. */
function effectsIn(layer: number, { spec }: Host, positions: 'shift' | 'none' = 'none'): Intervention[] {
  const [linear] = sitesOfKind(spec, 'linear').filter((site) => site.layer === layer && site.inputSize === 8);
  const attention = sitesOfKind(spec, 'attention').find((site) => site.layer === layer)!;
  const { path, inputSize, outputSize } = linear!;
  return [
    { kind: 'lowRankDelta', path, down: normal([inputSize, 2], 5), up: normal([2, outputSize], 6), scale: 0.5 },
    {
      kind: 'keyValuePrefix',
      path: attention.path,
      keys: normal([2, 2, 4], 7),
      values: normal([2, 2, 4], 8),
      positions,
    },
  ];
}

const contextOf = (host: Host, batchSize: number, mode: Context['mode']): Context => ({
  mode,
  host: host.spec,
  batchSize,
  streams: { dropout: createStream(3), draws: createStream(4) },
  reads: 'logits',
});
const logitsOf = (
  host: Host,
  texts: readonly EncodedText[],
  interventions: Interventions,
  mode: Context['mode'] = 'train',
) =>
  tf.tidy(
    () =>
      host.forward(
        padBatch(texts, host.spec.padTokenId, { multipleOf: 1 }),
        interventions,
        contextOf(host, texts.length, mode),
      ).logits!,
  );

async function withStore<Result>(
  host: Host,
  limit: number,
  use: (remembers: Host, store: ActivationStore) => Promise<Result>,
): Promise<Result> {
  const store = createActivationStore(limit);
  try {
    return await use(remembering(host, store), store);
  } finally {
    store.dispose();
  }
}

describe.each(families)('kept states of %s', (modelType) => {
  it('give the logits of a whole pass, the first time and later, with and without padding', async () => {
    const host = await createRandomHost({ ...sizes, modelType } as RandomHostOptions, 2);
    const { readouts } = sitesOfKind(host.spec, 'readout')[0]!;
    // The layers of ALBERT are one, which acts from the first step on.
    const upper = modelType === 'albert' ? [[]] : [[], effectsIn(2, host), effectsIn(2, host, 'shift')];
    for (const readout of readouts)
      for (const effects of upper)
        await withStore(host, 1, async (remembers, store) => {
          for (const texts of [sparse, dense, sparse, dense]) {
            const interventions = [...effects, headAt(readout)];
            const [whole, kept] = [host, remembers].map((one) => logitsOf(one, texts, interventions));
            expect(await maxDifference(whole!, kept!)).toBeLessThan(3e-6);
          }
          expect(store.report()).toMatchObject({ computed: 6, reused: 6, dropped: 0 });
        });
    host.dispose();
  });
});

describe('kept states', () => {
  it('do not depend on the batches in which a text came', async () => {
    const host = await createRandomHost(sizes, 2);
    const interventions = [...effectsIn(1, host), headAt('mean')];
    const alone = await withStore(host, 1, (one) => logitsOf(one, sparse, interventions).data());
    await withStore(host, 1, async (one) => {
      logitsOf(one, [sparse[2]!, ...dense], interventions);
      logitsOf(one, [dense[0]!, sparse[0]!], interventions);
      expect(await logitsOf(one, sparse, interventions).data()).toEqual(alone);
    });
    host.dispose();
  });

  it('are none where something acts below, where dropout draws, and for batches of other hands', async () => {
    const host = await createRandomHost({ ...sizes, dropout: 0.1 }, 2);
    const [embeddings] = sitesOfKind(host.spec, 'embeddings');
    const [table] = sitesOfKind(host.spec, 'table');
    const below: Interventions[] = [
      effectsIn(0, host),
      [...effectsIn(2, host), ...effectsIn(0, host)],
      [{ kind: 'tokenPrefix', embeddings: normal([2, embeddings!.size], 9) }],
      [{ kind: 'weightScale', path: `${table!.path}.weight`, scale: tf.scalar(2) }],
    ];
    await withStore(host, 1, async (remembers, store) => {
      for (const effects of below) logitsOf(remembers, sparse, [...effects, headAt('cls')], 'evaluate');
      logitsOf(remembers, sparse, [headAt('cls')], 'train');
      const copy = { ...padBatch(sparse, 0) };
      remembers.forward(copy, [headAt('cls')], contextOf(host, 3, 'evaluate'));
      expect(store.report()).toMatchObject({ computed: 0, reused: 0 });
      logitsOf(remembers, sparse, [headAt('cls')], 'evaluate');
      expect(store.report()).toMatchObject({ computed: 3 });
    });
    host.dispose();
  });

  it('are those of the weights, of the place and of the types they were computed with', async () => {
    const host = await createRandomHost(sizes, 2);
    const path = sitesOfKind(host.spec, 'linear')[0]!.path;
    const changed = await host.withWeights(new Map([[`${path}.weight`, normal([8, 8], 3)]]));
    const typed = sparse.map((text) => ({ ...text, tokenTypeIds: text.inputIds.map(() => 1) }));
    const cases = [
      { one: host, texts: sparse, interventions: [headAt('mean')] },
      { one: host, texts: sparse, interventions: [...effectsIn(2, host), headAt('mean')] },
      { one: host, texts: sparse, interventions: [...effectsIn(1, host), headAt('mean')] },
      { one: host, texts: sparse, interventions: [...effectsIn(1, host, 'shift'), headAt('mean')] },
      { one: host, texts: typed, interventions: [headAt('mean')] },
      { one: changed, texts: sparse, interventions: [headAt('mean')] },
    ];
    const store = createActivationStore(1);
    for (const { one, texts, interventions } of [...cases, ...cases]) {
      const kept = logitsOf(remembering(one, store), texts, interventions);
      expect(await maxDifference(logitsOf(one, texts, interventions), kept)).toBeLessThan(3e-6);
    }
    expect(store.report()).toMatchObject({ computed: 3 * cases.length, reused: 3 * cases.length });
    store.dispose();
    changed.dispose();
    host.dispose();
  });

  it('stay within the limit: the text that was not asked for the longest makes room', async () => {
    const host = await createRandomHost(sizes, 2);
    const bytes = (text: EncodedText) => text.inputIds.length * 8 * 4;
    const limit = bytes(sparse[0]!) + bytes(sparse[1]!);
    const interventions = [headAt('cls')];
    // Native kernels pack weights at their first use.
    logitsOf(host, sparse, interventions).dispose();
    const before = tf.memory().numTensors;
    const read = async (logits: tf.Tensor) => [...(await logits.data())];
    await withStore(host, limit / 1e6, async (remembers, store) => {
      const run = (...texts: EncodedText[]) => logitsOf(remembers, texts, interventions).dispose();
      run(sparse[0]!, sparse[1]!);
      run(sparse[0]!);
      expect(store.report()).toMatchObject({ computed: 2, reused: 1, dropped: 0 });
      run(sparse[2]!);
      expect(store.report().megabytes).toBeLessThanOrEqual(limit / 1e6);
      expect(store.report()).toMatchObject({ computed: 3, dropped: 2 });
      // Larger than the limit: computed and not kept, nothing makes room for it.
      const large = textOf(20, 1);
      const whole = logitsOf(host, [large, sparse[2]!], interventions);
      const kept = logitsOf(remembers, [large, sparse[2]!], interventions);
      const expected = (await read(whole)).map((logit): unknown => expect.closeTo(logit, 5));
      expect(await read(kept)).toEqual(expected);
      expect(store.report()).toMatchObject({ computed: 4, reused: 2, dropped: 2 });
      tf.dispose([whole, kept]);
    });
    expect(tf.memory().numTensors).toBe(before);
    host.dispose();
  });

  it('are constants: gradients are those of a whole pass, and none flows below what is acted on', async () => {
    const calls = new Map<string, number>();
    for (const numHiddenLayers of [2, 5]) {
      const host = await createRandomHost({ ...sizes, numHiddenLayers }, 2);
      const [linear] = sitesOfKind(host.spec, 'linear').filter((site) => site.layer === numHiddenLayers - 1);
      const up = normal([2, linear!.outputSize], 6);
      const lossOf = (one: Host) => (x: tf.Tensor) => {
        const down = normal([8, 2], 5);
        const delta: Intervention = { kind: 'lowRankDelta', path: linear!.path, down, up: x, scale: 1 };
        return logitsOf(one, sparse, [delta, headAt('mean')])
          .square()
          .sum<tf.Scalar>();
      };
      const gradient = (one: Host) => tf.grad(lossOf(one))(up);
      // Products alone: other operations of a forward pass are more with a tape, which may need their derivatives.
      const products = async (run: () => tf.Tensor) =>
        (await tf.profile(run)).kernels.filter(({ name }) => /matmul/i.test(name)).length;
      const backwards = async (one: Host) =>
        (await products(() => gradient(one))) - (await products(() => lossOf(one)(up)));
      calls.set(`whole ${numHiddenLayers}`, await backwards(host));
      await withStore(host, 1, async (remembers) => {
        const kept = gradient(remembers);
        expect(await maxDifference(gradient(host), kept)).toBeLessThan(1e-5);
        expect((await tf.max(tf.abs(kept)).data())[0]).toBeGreaterThan(0.01);
        calls.set(`kept ${numHiddenLayers}`, await backwards(remembers));
      });
      host.dispose();
    }
    const one = calls.get('whole 2');
    expect(one).toBeGreaterThan(0);
    expect(Object.fromEntries(calls)).toEqual({ 'whole 2': one, 'kept 2': one, 'whole 5': one, 'kept 5': one });
  });
});

describe('a host of a class', () => {
  it('keeps its getters and methods', async () => {
    const plain = await createRandomHost();
    class OwnHost implements Host {
      get spec() {
        return plain.spec;
      }
      forward(...given: Parameters<Host['forward']>) {
        return this.run(...given);
      }
      private run(...given: Parameters<Host['forward']>) {
        return plain.forward(...given);
      }
      readOut = plain.readOut.bind(plain);
      weight(path: string) {
        return plain.weight(path);
      }
      withWeights = plain.withWeights.bind(plain);
      dispose() {
        plain.dispose();
      }
    }
    await withStore(new OwnHost(), 10, async (remembers) => {
      expect(remembers.spec).toBe(plain.spec);
      expect(remembers.weight('embeddings.word_embeddings.weight').shape).toEqual([100, 32]);
      const inputs = padBatch([{ inputIds: [5, 6], tokenTypeIds: [0, 0] }], 0);
      const { lastHiddenState } = remembers.forward(inputs, [], evaluationContext(plain.spec, 1));
      expect(lastHiddenState.shape).toEqual([1, 8, 32]);
    });
    plain.dispose();
  });
});
