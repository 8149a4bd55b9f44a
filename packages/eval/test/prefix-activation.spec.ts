import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  createRegistry,
  createStream,
  describeMethod,
  disposeParameters,
  evaluationContext,
  head,
  type Host,
  initialValues,
  type NamedArrays,
  padBatch,
  type PeftMethod,
  readParameters,
  sitesOfKind,
  toParameters,
} from '@tfjs-peft/peft-core';
import { type Batch, effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import type { SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import { prefix, prefixDefinition } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { createMemoryStore, labelledTask, parseTrainConfig, train, type TrainingRequest } from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

const [cls, sep, length] = [2, 3, 4];
const texts = Array.from({ length: 6 }, (_, text) => {
  const inputIds = [cls, ...Array.from({ length: 5 }, (_word, i) => 5 + ((5 * text + i) % 28)), sep];
  return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
});
const batches: AsyncIterable<Batch> = {
  async *[Symbol.asyncIterator]() {
    for (const text of texts) {
      const inputs = padBatch([text], 0);
      try {
        yield { inputs, targets: [0] };
      } finally {
        tf.dispose({ ...inputs });
      }
    }
  },
};
const stream = createStream('start');
const flat = prefix({ prefixLength: length, reparametrisation: 'none', initialisation: 'activation' });
const fitted = prefix({
  prefixLength: length,
  mlpHiddenSize: 24,
  initialisation: 'activation',
  activationSteps: 150,
  activationLearningRate: 1e-2,
});
/** Enough steps to be another start than an unfitted one. */
const mlp = prefix({ ...fitted.config, activationSteps: 11 });
const ownHead = head({ labels: ['a', 'b'] });

let host: Host;
let other: Host;
beforeAll(async () => {
  const sizes = { hiddenSize: 16, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 12, vocabSize: 40 };
  [host, other] = [await createRandomHost(sizes, 4), await createRandomHost(sizes, 5)];
  // Hosts keep single projections once somebody asked for them; from here on counts of tensors are those of the method.
  await prepare(flat);
});

const prepare = (method: PeftMethod, vertex = 0) => method.prepare!(host, preparationWith({ batches, stream, vertex }));
/** Effective first values of a method that is prepared or needs no preparing. */
async function startOf(method: PeftMethod): Promise<NamedArrays> {
  const raw = toParameters(initialValues(method.plan(host.spec), stream));
  const effective = effectiveParameters(method, raw, host.spec);
  const arrays = await readParameters(effective);
  disposeParameters(effective);
  disposeParameters(raw);
  return arrays;
}
const valuesOf = (arrays: NamedArrays) =>
  Float32Array.from([...arrays.values()].flatMap(({ data: values }) => [...values]));
const meanSquare = (a: Float32Array, b?: Float32Array) =>
  a.reduce((sum, value, i) => sum + (value - (b?.[i] ?? 0)) ** 2, 0) / a.length;

/** Keys and values `[heads, words, headSize]` of a layer as the definition has them: hidden states before the layer times weight plus bias. */
async function expectedOf(words: number[], layer: number, projection: 'key' | 'value'): Promise<Float32Array> {
  const ids = [cls, ...words, sep];
  const inputs = padBatch([{ inputIds: ids, tokenTypeIds: ids.map(() => 0) }], 0, { multipleOf: 1 });
  // Another way in than the method's own: the attention sublayer's input is what the key and value maps get.
  const states: tf.Tensor[] = [];
  const adapter: SublayerAdapter = {
    kind: 'sublayerAdapter',
    path: `encoder.layer.${layer}.attention.output`,
    placement: 'parallel',
    apply: (x) => {
      states.push(tf.keep(x.clone()));
      return tf.zerosLike(x);
    },
  };
  host.forward(inputs, [adapter], evaluationContext(host.spec, 1));
  const path = `encoder.layer.${layer}.attention.self.${projection}`;
  const rows = tf
    .matMul(states[0]!.reshape([ids.length, 16]), host.weight(`${path}.weight`))
    .add(host.weight(`${path}.bias`));
  return (await rows
    .slice([1, 0], [words.length, 16])
    .reshape([words.length, 4, 4])
    .transpose([1, 0, 2])
    .data()) as Float32Array;
}

describe('prefix with initialisation "activation"', () => {
  it('keeps nothing of layers that share their weights', async () => {
    const sizes = { hiddenSize: 16, numHiddenLayers: 3, numAttentionHeads: 4, intermediateSize: 12, vocabSize: 40 };
    const shared = await createRandomHost({ ...sizes, modelType: 'albert' }, 4);
    const start = () => flat.prepare!(shared, preparationWith({ batches, stream, vertex: 0 }));
    await start();
    const before = tf.memory().numTensors;
    await start();
    expect(tf.memory().numTensors).toBe(before);
    shared.dispose();
  });

  it('starts a flat prefix at the keys and values of the first words, which attention computes for them', async () => {
    const start = await startOf(await prepare(flat));
    for (const { path, layer } of sitesOfKind(host.spec, 'attention'))
      for (const [part, projection] of [
        ['keys', 'key'],
        ['values', 'value'],
      ] as const) {
        const { shape, data: values } = start.get(`prefix.${path}.${part}`)!;
        expect(shape).toEqual([4, length, 4]);
        const expected = await expectedOf([5, 6, 7, 8], layer, projection);
        expect(Math.max(...expected.map((value, i) => Math.abs(value - values[i]!)))).toBeLessThan(1e-6);
        expect(meanSquare(expected)).toBeGreaterThan(0.1);
      }
  });

  it('makes a text attend to the words as if they stood before it', async () => {
    // One layer deep the text [CLS] w [SEP] with the prefix of exactly these tokens has every key twice: attention is unchanged.
    const shallow = await createRandomHost({ numHiddenLayers: 1, vocabSize: 40 }, 6);
    const one = prefix({ prefixLength: 3, reparametrisation: 'none', initialisation: 'activation' });
    const own = {
      async *[Symbol.asyncIterator]() {
        // Two texts with nothing in common at their ends: no token is special.
        for (const ids of [
          [7, 9, 11],
          [12, 13, 14],
        ])
          yield {
            inputs: padBatch(
              [[...ids], [20, 21, 22]].map((inputIds) => ({ inputIds, tokenTypeIds: [0, 0, 0] })),
              0,
            ),
            targets: [0, 1],
          };
      },
    };
    const prepared = await one.prepare!(shallow, preparationWith({ batches: own, stream }));
    const raw = toParameters(initialValues(prepared.plan(shallow.spec), stream));
    const inputs = padBatch([{ inputIds: [7, 9, 11], tokenTypeIds: [0, 0, 0] }], 0, { multipleOf: 1 });
    const context = evaluationContext(shallow.spec, 1);
    const bare = shallow.forward(inputs, [], context).lastHiddenState;
    const prefixed = shallow.forward(inputs, prepared.intervene(raw, context), context).lastHiddenState;
    expect(Math.max(...(await prefixed.sub(bare).abs().data()))).toBeLessThan(1e-5);
    shallow.dispose();
  });

  it('fits an MLP to them, the same bits each time', async () => {
    const target = valuesOf(await startOf(await prepare(flat)));
    const unfitted = await prepare(prefix({ ...mlp.config, activationSteps: 0 }));
    const torch = prefix({ ...mlp.config, initialisation: 'torch' });
    expect(await startOf(unfitted)).toEqual(await startOf(torch));
    const before = meanSquare(valuesOf(await startOf(torch)), target);
    const after = await startOf(await prepare(fitted));
    expect(meanSquare(valuesOf(after), target)).toBeLessThan(before / 100);
    const short = await startOf(await prepare(mlp));
    expect(await startOf(await prepare(mlp))).toEqual(short);
    const elsewhere = await mlp.prepare!(host, preparationWith({ batches, stream: createStream('another') }));
    expect(await startOf(elsewhere)).not.toEqual(short);
  });

  it.each([
    ['flat', flat],
    ['mlp', mlp],
  ])('gives every vertex words of its own; one vertex is the plain method bit for bit (%s)', async (_name, method) => {
    const plain = await startOf(await prepare(compose(method, ownHead)));
    const simplex = await startOf(await prepare(subspace(compose(method, ownHead), { vertices: 3 })));
    const single = await startOf(await prepare(subspace(compose(method, ownHead), { vertices: 1 })));
    expect(simplex.size).toBe(3 * plain.size);
    for (const [name, array] of plain) {
      const at = (vertex: number) => name.replace('.', `.vertex.${vertex}.`);
      expect(simplex.get(at(0))).toEqual(array);
      expect(single.get(at(0))).toEqual(array);
      if (name.startsWith('prefix')) {
        expect(simplex.get(at(1))).not.toEqual(array);
        expect(simplex.get(at(2))).not.toEqual(simplex.get(at(1)));
      }
    }
    if (method !== flat) return;
    const { data: keys } = simplex.get('prefix.vertex.2.encoder.layer.1.attention.self.keys')!;
    const expected = await expectedOf([13, 14, 15, 16], 1, 'key');
    expect(Math.max(...expected.map((value, i) => Math.abs(value - keys[i]!)))).toBeLessThan(1e-6);
  });

  it('plans without being prepared, and says so when first values are wanted', async () => {
    const methods = [flat, mlp, subspace(compose(mlp, ownHead))];
    for (const method of methods) {
      const prepared = await prepare(method);
      const names = (of: PeftMethod) => of.plan(host.spec).raw.map(({ name, shape }) => [name, shape]);
      expect(names(method)).toEqual(names(prepared));
      expect(method.plan(host.spec).effective).toEqual(prepared.plan(host.spec).effective);
      expect(describeMethod(prepared)).toEqual(describeMethod(method));
      expect(prepared.prepare).toBeUndefined();
      const unprepared = expect.objectContaining({ code: 'METHOD_UNPREPARED' });
      expect(() => initialValues(method.plan(host.spec), stream)).toThrow(unprepared);
      // Another host has other keys and values.
      expect(() => initialValues(prepared.plan(other.spec), stream)).toThrow(unprepared);
      expect(initialValues(prepared.plan(host.spec), stream).size).toBe(prepared.plan(host.spec).raw.length);
    }
    const described = createRegistry(prefixDefinition).build(describeMethod(await prepare(flat)));
    expect(described.config).toEqual(flat.config);
    expect(prefix({ initialisation: 'torch' }).prepare).toBeUndefined();
  });

  it('leaves no tensor behind, after errors neither', async () => {
    const before = tf.memory().numTensors;
    await prepare(flat);
    await prepare(subspace(mlp, { vertices: 2 }));
    const refusals: [PeftMethod, string][] = [
      [prefix({ ...flat.config, prefixLength: 40 }), 'WORDS_TOO_FEW'],
      [subspace(flat, { vertices: 8 }), 'WORDS_TOO_FEW'],
      [prefix({ ...mlp.config, activationLearningRate: 1e30, activationSteps: 20 }), 'INITIALISATION_DIVERGED'],
    ];
    for (const [method, code] of refusals) await expect(prepare(method)).rejects.toMatchObject({ code });
    const broken: Host = {
      ...host,
      forward(inputs, interventions, context) {
        host.forward(inputs, interventions, context);
        throw new Error('broken');
      },
    };
    await expect(flat.prepare!(broken, preparationWith({ batches, stream }))).rejects.toThrow('broken');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains, and goes on after an interruption with the same bits', async () => {
    const examples = texts.map((text, i) => ({ text, label: i % 2 }));
    type Request = TrainingRequest<readonly number[]>;
    const request = (rest: Partial<Request> = {}): Request => ({
      host,
      method: subspace(compose(mlp, ownHead)),
      ...labelledTask({ train: examples }),
      config: parseTrainConfig({ steps: 4, batchSize: 2, learningRate: 1e-2, checkpointEvery: 1, patience: null }),
      seed: 9,
      ...rest,
    });
    const whole = await train(request());
    // The first backward pass made the host keep transposed weights.
    const before = tf.memory().numTensors;
    const store = createMemoryStore();
    const stop = new AbortController();
    const onEvent: Request['onEvent'] = (event) => event.type === 'step' && event.step === 2 && stop.abort();
    await expect(train(request({ store, signal: stop.signal, onEvent }))).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    const resumed = await train(request({ store }));
    expect(resumed.raw).toEqual(whole.raw);
    expect(resumed.effective).toEqual(whole.effective);
    expect(whole.history.map(({ loss }) => loss).at(-1)).not.toBe(whole.history[0]!.loss);
    expect(tf.memory().numTensors).toBe(before);
  });
});
