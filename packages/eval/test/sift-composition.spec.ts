import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lora } from '@tfjs-peft/lora';
import {
  compose,
  type Context,
  createStream,
  describeMethod,
  evaluationContext,
  head,
  type Host,
  initialValues,
  mergeAdapter,
  type NamedArrays,
  padBatch,
  type Parameters as Tensors,
  type PeftMethod,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { type Batch } from '@tfjs-peft/peft-core/authoring';
import { type Interventions } from '@tfjs-peft/peft-core/interventions';
import { prefix } from '@tfjs-peft/prefix';
import { sift } from '@tfjs-peft/sift';
import { pointOfSimplex, subspace } from '@tfjs-peft/subspace';
import {
  type CheckpointStore,
  createMemoryStore,
  crossEntropy,
  labelledTask,
  parseTrainConfig,
  train,
  type TrainEvent,
} from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

const batch = 3;
let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 }, 4);
});
afterAll(() => host.dispose());

const texts = [4, 2, 5].map((length, row) => {
  const inputIds = Array.from({ length }, (_, i) => 5 + ((11 * row + 3 * i) % 35));
  return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
});
const inputsOf = (rows = [0, 1, 2]) =>
  padBatch(
    rows.map((row) => texts[row]!),
    0,
  );
const batches: AsyncIterable<Batch> = {
  async *[Symbol.asyncIterator]() {
    const inputs = inputsOf();
    try {
      yield { inputs, targets: [0, 1, 0] };
    } finally {
      tf.dispose({ ...inputs });
    }
  },
};
const classifier = () => head({ labels: ['a', 'b'], readout: 'cls', initialStandardDeviation: 0.5 });

type SiftSettings = NonNullable<Parameters<typeof sift>[0]>;
const trained = (method: PeftMethod, seed: number, initial?: NamedArrays) =>
  train({
    host,
    method,
    seed,
    ...labelledTask({ train: texts.map((text, row) => ({ text, label: row % 2 })), objective: crossEntropy() }),
    config: parseTrainConfig({ steps: 2, batchSize: 3, learningRate: 0.01 }),
    ...(initial && { initial }),
  });

describe('training on from an adapter', () => {
  const random: SiftSettings = { rate: 0.02, selection: 'random', targets: ['query.weight'] };
  it.each([
    ['alone', (config: SiftSettings) => compose(sift(config), classifier())],
    ['under a simplex', (config: SiftSettings) => subspace(compose(sift(config), classifier()), { vertices: 2 })],
  ] as const)('keeps the places %s, and refuses values without them', async (_name, make) => {
    const first = await trained(make(random), 1);
    const stored = describeMethod(first.method);
    const isAlone = stored.type === 'COMPOSE';
    const { config } = (isAlone ? stored : stored.parts![0]!).parts![0]!;
    const again = () => make(config as SiftSettings);
    const { raw } = first;
    const places = (arrays: NamedArrays) =>
      [...arrays].filter(([name]) => name.endsWith('.indices')).map(([name, { data }]) => [name, [...data]]);
    const second = await trained(again(), 2, raw);
    expect(places(second.raw)).toEqual(places(raw));
    const without = new Map([...raw].filter(([name]) => !name.endsWith('.indices')));
    await expect(trained(again(), 2, without)).rejects.toMatchObject({ code: 'INITIAL_VALUES_UNFIT' });
    const headAlone = new Map([...raw].filter(([name]) => name.startsWith('head')));
    const other = await trained(make(random), 2, headAlone);
    expect(places(other.raw)).not.toEqual(places(raw));
  });
});

const everything = {
  rate: 0.1,
  targets: ['query', 'key', 'value', 'attentionOutput', 'feedForwardIn', 'embeddings', 'norms'],
};
const apart = { initialStandardDeviation: 0.3 };

async function prepare(method: PeftMethod) {
  const stream = createStream(1);
  const objective = crossEntropy() as never;
  const prepared = await method.prepare!(host, preparationWith({ batches, objective, stream, shared: stream }));
  return { method: prepared, effective: toParameters(initialValues(prepared.plan(host.spec), stream)) };
}
const distance = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;
const sampling = (mode: Context['mode'] = 'sample'): Context => ({
  ...evaluationContext(host.spec, batch),
  mode,
  streams: { dropout: createStream(1), draws: createStream(2) },
});
const adapterOf = (method: PeftMethod, effective: Tensors) => ({
  method,
  effective,
  hostFingerprint: host.spec.fingerprint,
});

/** Coefficients of each example from the shares of the vertices behind the first: `s_v - 1/m`. */
async function coefficientsOf(drawn: Interventions, vertices: number): Promise<number[][]> {
  const shared = drawn.filter((item) => item.kind === 'sparseWeightDelta' && item.shares);
  const { path } = shared[0] as { path: string };
  const columns = await Promise.all(
    shared
      .filter((item) => 'path' in item && item.path === path)
      .map(async (item) => [...(await (item as { shares: tf.Tensor }).shares.data())].map((s) => s + 1 / vertices)),
  );
  return Array.from({ length: batch }, (_, row) => {
    const others = columns.map((column) => column[row]!);
    return [1 - others.reduce((sum, share) => sum + share, 0), ...others];
  });
}

describe('a simplex of sparse increments', () => {
  const inner = () => compose(sift({ ...everything, ...apart }), classifier());

  it('shares the places and has other values at each vertex', async () => {
    const { method, effective } = await prepare(subspace(inner(), { vertices: 3, head: false }));
    const names = [...effective.keys()].filter((name) => name.startsWith('sift.'));
    const indices = names.filter((name) => name.endsWith('.indices'));
    expect(indices.some((name) => name.includes('.vertex.'))).toBe(false);
    expect(names.filter((name) => name.includes('.vertex.2.'))).toHaveLength(indices.length);
    const plain = await prepare(inner());
    const buffersOf = (of: PeftMethod) => JSON.stringify(of.plan(host.spec).buffers);
    expect(buffersOf(method)).toBe(buffersOf(plain.method));
    const values = await Promise.all(
      [0, 1].map((v) => effective.get(`sift.vertex.${v}.encoder.layer.0.attention.self.query.weight.values`)!.data()),
    );
    expect(values[0]).not.toEqual(values[1]);
  });

  it.each([2, 3])(
    'of %d vertices gives each example a host of its own, by one product for all and what differs',
    async (vertices) => {
      const prepared = await prepare(subspace(inner(), { vertices, granularity: 'example', head: false }));
      const { method, effective } = prepared;
      const drawn = method.intervene(effective, sampling());
      const sparse = drawn.filter((item) => item.kind === 'sparseWeightDelta');
      expect(sparse.filter(({ shares }) => !shares)).toHaveLength(sparse.length / vertices);
      const { logits } = host.forward(inputsOf(), drawn, sampling());
      const midpoint = runAdapter(host, adapterOf(method, effective), inputsOf()).logits!;
      expect(await distance(logits!, midpoint)).toBeGreaterThan(1e-3);
      const plain = (method.parts ?? [])[0]!;
      for (const [row, coefficients] of (await coefficientsOf(drawn, vertices)).entries()) {
        const point = pointOfSimplex(method, effective, coefficients);
        const alone = runAdapter(host, adapterOf(plain, point), inputsOf([row])).logits!;
        expect(await distance(logits!.slice([row, 0], [1, -1]), alone)).toBeLessThan(1e-5);
      }
    },
  );

  it('at one draw a batch is the method at that point', async () => {
    const { method, effective } = await prepare(subspace(inner(), { vertices: 2, granularity: 'batch' }));
    const drawn = method.intervene(effective, sampling());
    expect(drawn.every((item) => !('shares' in item) || item.shares === undefined)).toBe(true);
    const { logits } = host.forward(inputsOf(), drawn, sampling());
    const name = 'encoder.layer.0.attention.self.query.bias.values';
    const ends = await Promise.all([0, 1].map((v) => effective.get(`sift.vertex.${v}.${name}`)!.data()));
    const bias = drawn.find((item) => item.kind === 'biasDelta' && item.path.endsWith('0.attention.self.query'))!;
    const mixed = await (bias as { delta: tf.Tensor }).delta.data();
    const found = [...mixed].find((value) => value !== 0)!;
    const share = Float32Array.from(ends[0]!).reduce<number>((best, a, i) => {
      const t = (found - a) / (ends[1]![i]! - a);
      return t >= 0 && t <= 1 ? t : best;
    }, Number.NaN);
    const inside = (method.parts ?? [])[0]!;
    const point = pointOfSimplex(method, effective, [1 - share, share]);
    expect(await distance(logits!, runAdapter(host, adapterOf(inside, point), inputsOf()).logits!)).toBeLessThan(1e-4);
  });
});

describe('a composition with sparse increments', () => {
  const lowRank = () => lora({ rank: 2, initialisation: 'random', targets: ['query', 'attention.output.dense'] });

  it('with LoRA on the same tensors computes the same merged, and the base keeps its bits', async () => {
    const { method, effective } = await prepare(compose(sift({ ...everything, ...apart }), lowRank(), classifier()));
    const before = await host.weight('encoder.layer.0.attention.self.query.weight').data();
    const together = runAdapter(host, adapterOf(method, effective), inputsOf()).logits!;
    const merged = await mergeAdapter(host, adapterOf(method, effective));
    const scale = (await together.abs().max().data())[0]!;
    const folded = runAdapter(merged.host, merged.rest!, inputsOf()).logits!;
    expect((await distance(folded, together)) / scale).toBeLessThan(1e-6);
    merged.host.dispose();
    expect(await host.weight('encoder.layer.0.attention.self.query.weight').data()).toEqual(before);
  });

  it('under a simplex, with LoRA whose vertices start apart, prefix and head, takes one choice of places', async () => {
    const parts = compose(
      lora({ rank: 2, initialisation: 'orthogonal' }),
      sift({ ...everything, ...apart }),
      prefix({ prefixLength: 2, reparametrisation: 'none' }),
      classifier(),
    );
    const { method, effective } = await prepare(subspace(parts, { vertices: 3 }));
    const { logits } = host.forward(inputsOf(), method.intervene(effective, sampling('train')), sampling('train'));
    expect([...(await logits!.data())].every(Number.isFinite)).toBe(true);
  });
});

it('training goes on to the bit where it was stopped, with the places that were chosen', async () => {
  const examples = [0, 1, 2, 3, 4, 5].map((row) => ({ text: texts[row % 3]!, label: row % 2 }));
  const request = (onEvent?: (event: TrainEvent) => void, store?: CheckpointStore) => ({
    host,
    method: compose(sift({ rate: 0.05, scope: 'all', batches: 2 }), classifier()),
    ...labelledTask({ train: examples }),
    config: parseTrainConfig({ steps: 6, batchSize: 2, learningRate: 0.05, checkpointEvery: 2, patience: null }),
    seed: 3,
    ...(onEvent && { onEvent }),
    ...(store && { store }),
  });
  const whole = await train(request());
  const store = createMemoryStore();
  const kill = (event: TrainEvent) => {
    if (event.type === 'step' && event.step === 5) throw new Error('killed');
  };
  await expect(train(request(kill, store))).rejects.toThrow('killed');
  const starts: TrainEvent[] = [];
  const resumed = await train(request((event) => event.type === 'start' && starts.push(event), store));
  expect(starts[0]).toMatchObject({ resumedFrom: 4 });
  expect([...resumed.effective]).toEqual([...whole.effective]);
  const { chosen, skipped } = (resumed.method.parts ?? [])[0]!.config as { chosen: object; skipped: string[] };
  expect(Object.keys(chosen).length).toBeGreaterThan(4);
  expect(skipped).toHaveLength(2);
});
