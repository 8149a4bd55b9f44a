import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  createStream,
  describeMethod,
  evaluationContext,
  explain,
  head,
  type Host,
  initialValues,
  padBatch,
  type PeftMethod,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import {
  type Batch,
  lossAndGradients,
  type Objective,
  objectiveOfOutputs,
  type Preparation,
} from '@tfjs-peft/peft-core/authoring';
import { type Interventions } from '@tfjs-peft/peft-core/interventions';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { chooseTensors, type HostTensor } from './choose-tensors.js';
import { decayIncrements } from './decay-increments.js';
import { observeGradients } from './observe-gradients.js';
import { shira } from './shira.js';
import { sift } from './sift.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 }, 3);
});
afterAll(() => host.dispose());

const batches = (count = 1): AsyncIterable<Batch> => ({
  async *[Symbol.asyncIterator]() {
    for (let first = 0; first < count; first++) {
      const texts = [0, 1, 2].map((row) => {
        const inputIds = [5, 6, 7, 8].map((id) => id + first + 3 * row);
        return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
      });
      const inputs = padBatch(texts, 0);
      try {
        yield { inputs, targets: [] };
      } finally {
        tf.dispose({ ...inputs });
      }
    }
  },
});
const objective = objectiveOfOutputs('squares', ({ logits }) => logits!.square().mean() as tf.Scalar);
const classifier = (name = 'head') => head({ labels: ['a', 'b'], initialStandardDeviation: 0.5, name });
const prepare = async (method: PeftMethod, parts: Partial<Preparation> = {}) =>
  method.prepare!(host, preparationWith({ batches: batches(), objective, others: compose(classifier()), ...parts }));
const placesOf = (method: PeftMethod, on = host) =>
  new Map(
    (method.plan(on.spec).buffers ?? []).flatMap(({ initial, places }): [string, number[]][] =>
      places ? [[places.tensor, [...(initial as { values: Int32Array }).values]]] : [],
    ),
  );

/** The gradient of a difference of the whole tensor. */
async function denseGradient(
  on: Host,
  { path, module, part, shape }: HostTensor,
  { others, shared, ...parts }: Pick<Preparation, 'objective' | 'others' | 'shared'>,
): Promise<Float32Array> {
  const difference: PeftMethod = {
    type: 'DIFFERENCE',
    config: {},
    namespaces: ['difference'],
    plan: () => ({
      raw: [{ name: 'difference.all', shape: [...shape], initial: { kind: 'constant', value: 0 } }],
      effective: [{ name: 'difference.all', shape: [...shape], site: module, perExample: 'none' }],
    }),
    intervene: (effective) => [
      {
        kind: part === 'weight' ? 'weightDelta' : 'biasDelta',
        path: module,
        delta: effective.get('difference.all')!,
      },
    ],
  };
  const method = compose(difference, others);
  const wrt = ['difference.all'];
  for await (const batch of batches()) {
    const gradient = tf.tidy(() => {
      const raw = toParameters(initialValues(method.plan(on.spec), shared));
      const context = evaluationContext(on.spec, batch.inputs.inputIds.shape[0]);
      return lossAndGradients({ host: on, method, raw, batch, ...parts, context, wrt }).gradients.get(wrt[0]!)!;
    });
    const values = await gradient.data<'float32'>();
    gradient.dispose();
    return values;
  }
  throw new Error(`no batch to see ${path} on`);
}

const failure = (run: () => unknown, code: string, ...parts: string[]) => {
  expect(run).toThrow(expect.objectContaining({ code }));
  for (const part of parts) expect(run).toThrow(part);
};

describe('targets', () => {
  const paths = (targets: string | string[]) => chooseTensors(targets, host.spec).map(({ path }) => path);

  it('are weights and biases of query, key, value and output maps by default', () => {
    const plan = sift().plan(host.spec);
    expect(plan.raw).toHaveLength(2 * 4 * 2);
    expect(plan.raw.map(({ name }) => name)).toContain('sift.encoder.layer.1.attention.output.dense.bias.values');
  });

  it('are groups, tensors of groups, modules, tensors, or one expression', () => {
    expect(paths(['query.weight'])).toEqual([0, 1].map((i) => `encoder.layer.${i}.attention.self.query.weight`));
    expect(paths(['feedForwardIn.bias'])).toEqual([0, 1].map((i) => `encoder.layer.${i}.intermediate.dense.bias`));
    expect(paths(['embeddings'])).toHaveLength(3);
    expect(paths(['embeddings.LayerNorm'])).toEqual(['embeddings.LayerNorm.weight', 'embeddings.LayerNorm.bias']);
    expect(paths('.*layer\\.1.*query\\.weight')).toEqual(['encoder.layer.1.attention.self.query.weight']);
  });

  it('that match nothing, or what has no weight, are refused', () => {
    failure(() => paths(['querry']), 'TARGET_UNMATCHED', 'query');
    failure(() => paths(['attention.self']), 'TARGET_UNSUPPORTED', 'without a weight');
    failure(() => paths(['encoder.layer.0']), 'TARGET_UNSUPPORTED');
    failure(() => paths('nothing.*'), 'TARGET_UNMATCHED');
    failure(() => shira({ targets: ['LayerNorm'] }).plan(host.spec), 'TARGET_UNSUPPORTED', 'LayerNorm');
    failure(() => shira({ rank: 9 }).plan(host.spec), 'RANK_UNSUPPORTED', 'at most 8');
  });
});

describe('configuration', () => {
  it.each([0, -0.1, 1.0001])('refuses a rate of %d', (rate) => failure(() => sift({ rate }), 'CONFIG_INVALID', 'rate'));
  it.each([
    { batches: 0 },
    { selection: 'largest' },
    { decay: { toward: 'base', rate: 1 } },
    { rows: true, scope: 'all' },
  ])('refuses %j', (config) => failure(() => sift(config as never), 'CONFIG_INVALID'));

  it('of chosen entries belongs to tensors of their shape', () => {
    const path = 'encoder.layer.0.attention.self.query.weight';
    const chosen = (shape: number[], count = 3) => sift({ chosen: { [path]: { count, shape } } });
    expect(chosen([16, 16]).plan(host.spec).raw).toHaveLength(1);
    failure(() => chosen([16, 24]).plan(host.spec), 'TARGET_MISSHAPEN', '[16, 16]');
    failure(() => chosen([16, 16], 257).plan(host.spec), 'TARGET_MISSHAPEN');
    failure(() => sift({ chosen: { other: { count: 1, shape: [1] } } }).plan(host.spec), 'TARGET_MISSHAPEN');
  });
});

describe('selection', () => {
  it('by magnitude takes the largest weights, by movement the largest -weight · gradient', async () => {
    const targets = ['query.weight'];
    for (const [path, at] of placesOf(await prepare(sift({ targets, rate: 0.05, selection: 'magnitude' })))) {
      const weight = await host.weight(path).data();
      const taken = new Set(at);
      const least = Math.min(...at.map((place) => Math.abs(weight[place]!)));
      weight.forEach((value, place) => {
        if (!taken.has(place)) expect(Math.abs(value)).toBeLessThanOrEqual(least);
      });
    }
    const movement = placesOf(await prepare(sift({ targets, rate: 0.05, selection: 'movement' })));
    const gradient = placesOf(await prepare(sift({ targets, rate: 0.05 })));
    expect(movement).not.toEqual(gradient);
  });

  it('among all tensors takes as many in all, and may leave some out', async () => {
    const each = placesOf(await prepare(sift({ rate: 0.05 })));
    const method = await prepare(sift({ rate: 0.05, scope: 'all' }));
    const all = placesOf(method);
    const count = (places: ReadonlyMap<string, number[]>) =>
      [...places.values()].reduce((sum, { length }) => sum + length, 0);
    const { skipped } = method.config as { skipped: string[] };
    // Left out are the key biases: their share goes to the others.
    expect(skipped).toEqual([0, 1].map((i) => `encoder.layer.${i}.attention.self.key.bias`));
    expect(count(all)).toBe(count(each) + 2);
    expect(all).not.toEqual(each);
  });

  it('of rows of a table takes whole rows, those of words that are there', async () => {
    const places = placesOf(await prepare(sift({ targets: ['word_embeddings'], rate: 0.1, rows: true })));
    const at = places.get('embeddings.word_embeddings.weight')!;
    expect(at).toHaveLength(5 * 16);
    const rows = [...new Set(at.map((place) => Math.floor(place / 16)))];
    expect(rows).toHaveLength(5);
    expect(rows.every((row) => row >= 5 && row <= 14)).toBe(true);
  });

  it('names tensors without a gradient and leaves them out', async () => {
    const others = compose(head({ labels: ['a', 'b'], readout: 'cls' }));
    const method = await prepare(sift({ targets: ['key', 'pooler'], rate: 0.05 }), { others });
    expect([...placesOf(method).keys()]).toEqual([0, 1].map((i) => `encoder.layer.${i}.attention.self.key.weight`));
    const warning = explain(method, host.spec).warnings.find((text) => text.includes('key.bias'));
    expect(warning).toContain('4 of the targets');
  });

  it('needs a gradient, finite numbers, and enough batches', async () => {
    const constant = objectiveOfOutputs('constant', ({ logits }) => logits!.mul(0).sum() as tf.Scalar);
    await expect(prepare(sift(), { objective: constant })).rejects.toMatchObject({
      code: 'SELECTION_WITHOUT_GRADIENT',
    });
    const broken = objectiveOfOutputs('broken', ({ logits }) => logits!.sub(logits!).sqrt().sum() as tf.Scalar);
    await expect(prepare(sift(), { objective: broken })).rejects.toMatchObject({ code: 'SELECTION_NOT_FINITE' });
    await expect(prepare(sift({ batches: 3 }), { batches: batches(2) })).rejects.toMatchObject({
      code: 'SELECTION_BATCHES_FEW',
      message: expect.stringContaining('2 batches'),
    });
    expect((await prepare(sift({ batches: 2 }), { batches: batches(2) })).plan(host.spec).raw.length).toBeGreaterThan(
      4,
    );
  });

  it('adds the gradients of an objective that runs several passes', async () => {
    const once = objectiveOfOutputs('once', ({ logits }) => logits!.square().sum() as tf.Scalar);
    // The same texts, the first in a pass of its own.
    const twice: Objective = {
      id: 'twice',
      loss(pass, { inputs }, context) {
        const rows = inputs.inputIds.shape[0];
        const over = (from: number, count: number) => {
          const { logits } = pass(
            { ...context, batchSize: count },
            {
              inputs: {
                inputIds: inputs.inputIds.slice([from, 0], [count, -1]),
                attentionMask: inputs.attentionMask.slice([from, 0], [count, -1]),
              },
            },
          );
          return logits!.square().sum() as tf.Scalar;
        };
        return { loss: over(0, 1).add(over(1, rows - 1)) };
      },
    };
    const config = { targets: ['query.weight', 'embeddings', 'norms'], rate: 0.05 };
    const places = await Promise.all(
      [once, twice].map(async (used) => placesOf(await prepare(sift(config), { objective: used }))),
    );
    expect(places[1]).toEqual(places[0]);
  });

  // ALBERT's layers are one module that runs three times; the query maps of DeBERTa-v2 act on distances too.
  it.each(['bert', 'albert', 'deberta-v2'] as const)(
    'sees one gradient a tensor, the dense one, however often a module runs: %s',
    async (modelType) => {
      const sizes = { hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40, numHiddenLayers: 3 };
      const other = await createRandomHost({ ...sizes, modelType }, 3);
      const parts = { objective, others: compose(classifier()), shared: createStream(1) };
      const tensors = chooseTensors(['query', 'norms'], other.spec);
      const dense = await Promise.all(tensors.map((tensor) => denseGradient(other, tensor, parts)));
      const largest = dense.map((values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
      const seen = new Map<string, Float32Array[]>();
      for await (const batch of batches())
        observeGradients({ host: other, batch, ...parts }, tensors, ({ path }, gradient) =>
          seen.set(path, [...(seen.get(path) ?? []), gradient.dataSync<'float32'>()]),
        );
      tensors.forEach(({ path }, index) => {
        expect([path, seen.get(path)?.length]).toEqual([path, 1]);
        const far = seen.get(path)![0]!.map((value, i) => Math.abs(value - dense[index]![i]!));
        expect(Math.max(...far)).toBeLessThan(1e-5 * largest[index]!);
      });
      const config = { targets: ['query.weight'], rate: 0.05 };
      const preparation = preparationWith({ batches: batches(), ...parts });
      const counts: number[] = [];
      for (const selection of ['gradient', 'fisher'] as const) {
        const prepared = await sift({ ...config, selection }).prepare!(other, preparation);
        for (const [path, at] of placesOf(prepared, other)) {
          const values = dense[tensors.findIndex((tensor) => tensor.path === path)]!;
          const bySize = [...values.keys()].sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!));
          expect(at).toEqual(bySize.slice(0, at.length).sort((a, b) => a - b));
        }
        counts.push(tf.memory().numTensors);
      }
      expect(counts[1]).toBe(counts[0]);
      other.dispose();
    },
  );

  it('forms one dense gradient at a time, and adds up those of one layer at a time', async () => {
    const large = await createRandomHost({ hiddenSize: 128, intermediateSize: 512, numHiddenLayers: 4 });
    const stream = createStream(1);
    const targets = ['query.weight', 'attentionOutput.weight', 'feedForwardIn.weight', 'feedForwardOut.weight'];
    const parts = { objective, others: compose(classifier()), shared: stream };
    const ofLayer = 4 * (2 * 128 * 128 + 2 * 128 * 512);
    const bytes: number[] = [];
    const observe = async () => {
      bytes.length = 0;
      for await (const batch of batches())
        observeGradients({ host: large, batch, ...parts }, chooseTensors(targets, large.spec), () =>
          bytes.push(tf.memory().numBytes),
        );
    };
    // The first pass fills caches of the host.
    await observe();
    await observe();
    expect(bytes).toHaveLength(4 * 4);
    // From layer to layer only slopes of states come on top (on backends without fused kernels some more): kept gradients alone would be `ofLayer`.
    expect((bytes.at(-1)! - bytes[3]!) / 3).toBeLessThan(ofLayer);
    const between: number[] = [];
    const chosenOver = async () => {
      const before = tf.memory().numBytes;
      between.length = 0;
      const onProgress = () => between.push(tf.memory().numBytes - before);
      await sift({ targets, rate: 0.01, batches: 2 }).prepare!(
        large,
        preparationWith({ batches: batches(2), stream, ...parts, onProgress }),
      );
    };
    await chosenOver();
    await chosenOver();
    expect(between).toEqual([0, 0, 0, 0]);
    large.dispose();
  });
});

describe('a composition', () => {
  it('says which entries two parts move, before and after they are chosen', async () => {
    const config = { targets: ['query.weight'], rate: 0.05 };
    const both = compose(sift(config), sift({ ...config, name: 'second' }), classifier());
    expect(both.plan(host.spec).notes).toEqual([expect.stringContaining('choose entries of the same 2 tensors')]);
    const prepared = await both.prepare!(host, preparationWith({ batches: batches(), objective }));
    expect(prepared.plan(host.spec).notes).toEqual([
      '"sift" and "second" move the same 26 entries of 2 tensors: their increments are added.',
    ]);
    expect(explain(prepared, host.spec).warnings.join()).toContain('are added');
    const context = evaluationContext(host.spec, 1);
    const effective = toParameters(initialValues(prepared.plan(host.spec), createStream(1)));
    const items: Interventions = prepared.intervene(effective, context);
    expect(items.filter(({ kind }) => kind === 'sparseWeightDelta')).toHaveLength(4);
  });
});

describe('a run that goes on', () => {
  it('gets its configuration back from the description of the prepared method', async () => {
    const method = await prepare(sift({ scope: 'all', rate: 0.01 }));
    const restored = sift({ scope: 'all', rate: 0.01 }).withConfig!(describeMethod(method).config);
    const shapes = (of: PeftMethod) => of.plan(host.spec).raw.map(({ name, shape }) => [name, shape]);
    expect(shapes(restored)).toEqual(shapes(method));
    expect(describeMethod(restored)).toEqual(describeMethod(method));
  });
});

describe('decay', () => {
  const raw = () =>
    new Map<string, tf.Tensor>([
      ['sift.a.weight.values', tf.tensor1d([1, -2])],
      ['sift.a.weight.indices', tf.tensor1d([3, 4], 'int32')],
      ['sift.a.weight.base', tf.tensor1d([10, 20])],
    ]);

  it('pulls to the base, or to zero', async () => {
    const after = async (toward: 'base' | 'zero') => {
      const arrays = await readParameters(decayIncrements(raw(), { toward, rate: 0.1 }));
      expect([...arrays.get('sift.a.weight.indices')!.data]).toEqual([3, 4]);
      return [...arrays.get('sift.a.weight.values')!.data];
    };
    expect((await after('base')).map((value) => value.toFixed(4))).toEqual(['0.9000', '-1.8000']);
    expect((await after('zero')).map((value) => value.toFixed(4))).toEqual(['-0.1000', '-3.8000']);
  });

  it('is off by default, and holds the pretrained values only where it needs them', async () => {
    expect(sift().afterStep).toBeUndefined();
    const method = await prepare(sift({ targets: ['query.weight'], rate: 0.02, decay: { toward: 'zero', rate: 0.1 } }));
    const buffers = method.plan(host.spec).buffers!;
    const path = 'encoder.layer.0.attention.self.query.weight';
    const at = placesOf(method).get(path)!;
    const weight = await host.weight(path).data();
    const base = buffers.find(({ name }) => name === `sift.${path}.base`)!.initial as { values: Float32Array };
    expect([...base.values]).toEqual(at.map((place) => weight[place]));
    expect(
      (await prepare(sift({ decay: { toward: 'base', rate: 0.1 } })))
        .plan(host.spec)
        .buffers!.some(({ dtype }) => dtype === 'float32'),
    ).toBe(false);
  });
});
