import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fullFineTuning } from '@tfjs-peft/full';
import {
  type Adapter,
  compose,
  composeDefinition,
  createRegistry,
  createStream,
  type EncodedText,
  evaluationContext,
  head,
  headDefinition,
  type Host,
  initialValues,
  loadAdapter,
  mergeAdapter,
  type NamedArray,
  padBatch,
  type Parameters,
  type PeftMethod,
  readParameters,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import {
  type Batch,
  lossAndGradients,
  lossOfBatch,
  type Optimiser,
  type OptimiserState,
  trainableNames,
} from '@tfjs-peft/peft-core/authoring';
import { chooseTensors, sift, siftDefinition } from '@tfjs-peft/sift';
import { adamW, crossEntropy, sgd } from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

/** The twelve invariants of sparse increment fine-tuning, on a tiny encoder. */
const objective = crossEntropy() as never;
let host: Host;
let other: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 }, 5);
  other = await createRandomHost({ hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 }, 5);
});
afterAll(() => [host, other].forEach((made) => made.dispose()));

const classifier = () => head({ labels: ['a', 'b', 'c'], initialStandardDeviation: 0.5 });
const text = (row: number): EncodedText => {
  const inputIds = Array.from({ length: 6 }, (_, i) => 5 + ((row * 13 + i * 7) % 35));
  return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
};
const batchOf = (first: number, size = 4): Batch<number[]> => ({
  inputs: padBatch(
    Array.from({ length: size }, (_, row) => text(first + row)),
    0,
  ),
  targets: Array.from({ length: size }, (_, row) => (first + row) % 3),
});
const batchesOf = (...firsts: (readonly [number, number?])[]): AsyncIterable<Batch> => ({
  async *[Symbol.asyncIterator]() {
    for (const [first, size] of firsts) {
      const batch = batchOf(first, size);
      yield batch;
      tf.dispose({ ...batch.inputs });
    }
  },
});

/** The method prepared beside its head, and their first values. */
async function prepare(
  method: PeftMethod,
  { batches = batchesOf([0]), seed = 1 }: { batches?: AsyncIterable<Batch>; seed?: number } = {},
) {
  const stream = createStream(seed);
  const whole = compose(method, classifier());
  const prepared = await whole.prepare!(host, preparationWith({ batches, objective, stream, shared: stream }));
  return { method: prepared, raw: toParameters(initialValues(prepared.plan(host.spec), stream)) };
}

interface State {
  readonly raw: Parameters;
  readonly optimiser: OptimiserState;
}

/** One update of the trained parameters, gradients changed by `change` first. */
function step(
  method: PeftMethod,
  { raw, optimiser: state }: State,
  optimiser: Optimiser,
  at: {
    step?: number;
    rate?: number;
    names?: readonly string[];
    change?: (name: string, g: tf.Tensor) => tf.Tensor;
  } = {},
): State {
  const wrt = at.names ?? trainableNames(method.plan(host.spec));
  const batch = batchOf(0);
  const context = evaluationContext(host.spec, 4);
  const { gradients } = lossAndGradients({ host, method, raw, batch, objective, context, wrt });
  const changed = new Map([...gradients].map(([name, g]) => [name, at.change?.(name, g) ?? g]));
  const settings = { learningRate: at.rate ?? 0.01, weightDecay: 0 };
  const updated = optimiser.update({
    parameters: new Map(wrt.map((name) => [name, raw.get(name)!])),
    gradients: changed,
    state,
    step: at.step ?? 1,
    settingsOf: () => settings,
  });
  return { raw: new Map([...raw, ...updated.parameters]), optimiser: updated.state };
}
const begin = (raw: Parameters, optimiser: Optimiser, names: readonly string[]): State => ({
  raw,
  optimiser: optimiser.init(new Map(names.map((name) => [name, raw.get(name)!]))),
});
const train = (method: PeftMethod, raw: Parameters, optimiser: Optimiser, steps: number, rate?: number): State => {
  let state = begin(raw, optimiser, trainableNames(method.plan(host.spec)));
  for (let i = 1; i <= steps; i++)
    state = step(method, state, optimiser, { step: i, ...(rate !== undefined && { rate }) });
  return state;
};
const adapterOf = (method: PeftMethod, effective: Parameters): Adapter => ({
  method,
  effective,
  hostFingerprint: host.spec.fingerprint,
});
const numbers = async (parameters: Parameters) => readParameters(parameters);
const valuesIn = (arrays: ReadonlyMap<string, NamedArray>) => [...arrays].filter(([name]) => name.endsWith('.values'));

/** The dense gradients of the tensors, through zero differences to them. */
async function denseGradients(targets: string[], batches: Batch[]): Promise<Map<string, Float32Array>> {
  const full = compose(fullFineTuning({ include: targets }), classifier());
  const sums = new Map<string, Float32Array>();
  for (const batch of batches) {
    const raw = toParameters(initialValues(full.plan(host.spec), createStream(1)));
    const context = evaluationContext(host.spec, batch.inputs.inputIds.shape[0]);
    const { gradients } = lossAndGradients({ host, method: full, raw, batch, objective, context });
    for (const [name, { data }] of await numbers(gradients)) {
      const sum = sums.get(name) ?? new Float32Array(data.length);
      data.forEach((value, i) => (sum[i]! += value / batches.length));
      sums.set(name, sum);
    }
  }
  return new Map([...sums].map(([name, sum]) => [name.replace(/^full\./, ''), sum]));
}
const sortedTop = (scores: ArrayLike<number>, count: number) =>
  Array.from({ length: scores.length }, (_, index) => index)
    .sort((a, b) => Math.abs(scores[b]!) - Math.abs(scores[a]!) || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
const placesOf = (method: PeftMethod) =>
  new Map(
    (method.plan(host.spec).buffers ?? []).map(({ initial, places }) => [
      places!.tensor,
      [...(initial as { values: Int32Array }).values],
    ]),
  );
const mergedWeights = async (method: PeftMethod, raw: Parameters) => {
  const { host: merged } = await mergeAdapter(host, adapterOf(method, raw), { rest: 'keep' });
  const weights = await Promise.all(
    [...placesOf(method).keys()].map(async (path) => ({
      path,
      before: Float32Array.from(await host.weight(path).data()),
      after: Float32Array.from(await merged.weight(path).data()),
    })),
  );
  merged.dispose();
  return weights;
};
const bits = (values: Float32Array) => new Int32Array(values.buffer);
const targets = ['query', 'attentionOutput', 'norms'];

describe('sparse increments', () => {
  it('1. change k entries of each tensor after a step, and no other bit', async () => {
    const { method, raw } = await prepare(sift({ rate: 0.05, targets: [...targets, 'embeddings'] }));
    const { raw: trained } = train(method, raw, sgd(), 1, 1);
    const places = placesOf(method);
    let moved = 0;
    for (const { path, before, after } of await mergedWeights(method, trained)) {
      const changed = [...bits(before).keys()].filter((i) => bits(before)[i] !== bits(after)[i]);
      const chosen = new Set(places.get(path));
      expect(changed.every((place) => chosen.has(place))).toBe(true);
      if (!path.includes('embeddings')) expect([path, changed.length]).toEqual([path, chosen.size]);
      moved += changed.length;
    }
    expect(moved).toBeGreaterThan(100);
    const steps = train(method, raw, adamW(), 4);
    for (const { path, before, after } of await mergedWeights(method, steps.raw))
      expect(bits(before).filter((bit, i) => bit !== bits(after)[i]).length).toBeLessThanOrEqual(
        places.get(path)!.length,
      );
  });

  it('2. are min(⌊ρn⌋ + 1, n) of n', () => {
    const counts = (rate: number) =>
      sift({ rate, targets: ['query', 'norms'] })
        .plan(host.spec)
        .raw.map(({ shape: [count] }) => count!);
    expect(new Set(counts(1e-6))).toEqual(new Set([1]));
    expect(new Set(counts(1))).toEqual(new Set([256, 16]));
    expect(new Set(counts(0.008))).toEqual(new Set([3, 1]));
    expect(new Set(counts(0.999))).toEqual(new Set([256, 16]));
  });

  it('3. with rate 1 are the dense optimiser on the same tensors', async () => {
    const { method, raw } = await prepare(sift({ rate: 1, targets: ['query', 'value', 'norms'] }));
    const paths = [...placesOf(method).keys()];
    const dense = compose(fullFineTuning({ include: ['query', 'value', 'LayerNorm'] }), classifier());
    const denseRaw = toParameters(initialValues(dense.plan(host.spec), createStream(1)));
    const names = trainableNames(dense.plan(host.spec)).filter(
      (name) => !name.startsWith('full.') || paths.includes(name.replace(/^full\./, '')),
    );
    const optimiser = adamW();
    let state = begin(denseRaw, optimiser, names);
    for (let i = 1; i <= 10; i++) state = step(dense, state, optimiser, { step: i, names });
    const sparse = await numbers(train(method, raw, optimiser, 10).raw);
    const expected = await numbers(state.raw);
    for (const path of paths) {
      const [found, wanted] = [sparse.get(`sift.${path}.values`)!, expected.get(`full.${path}`)!];
      expect(found.data.length).toBe(wanted.data.length);
      // Adam makes a whole step of rounding noise where the gradient vanishes: not there.
      found.data.forEach((value, i) => expect(Math.abs(value - wanted.data[i]!)).toBeLessThan(1e-6));
      expect(Math.max(...wanted.data.map(Math.abs))).toBeGreaterThan(0.05);
    }
  });

  it('4. are the dense Adam whose gradients are masked before its moments', async () => {
    const { method, raw } = await prepare(sift({ rate: 0.1, targets: ['query.weight'] }));
    const places = placesOf(method);
    const dense = compose(fullFineTuning({ include: ['query'] }), classifier());
    const optimiser = adamW();
    const mask = (name: string, gradient: tf.Tensor) => {
      if (name.startsWith('head.')) return gradient;
      const chosen = new Set(places.get(name.replace(/^full\./, '')) ?? []);
      return gradient.mul(
        tf.tensor(
          Array.from({ length: gradient.size }, (_, i) => (chosen.has(i) ? 1 : 0)),
          gradient.shape,
        ),
      );
    };
    let state = begin(
      toParameters(initialValues(dense.plan(host.spec), createStream(1))),
      optimiser,
      trainableNames(dense.plan(host.spec)),
    );
    for (let i = 1; i <= 5; i++) state = step(dense, state, optimiser, { step: i, change: mask });
    const [sparse, expected] = [await numbers(train(method, raw, optimiser, 5).raw), await numbers(state.raw)];
    for (const [path, at] of places) {
      const whole = expected.get(`full.${path}`)!.data;
      const found = sparse.get(`sift.${path}.values`)!.data;
      at.forEach((place, i) => expect(Math.abs(found[i]! - whole[place]!)).toBeLessThan(1e-6));
      expect(whole.filter((value) => value !== 0).length).toBe(at.length);
    }
  });

  it('5. stand at the sorted top k of |g|, each once, whatever is trained', async () => {
    const { method, raw } = await prepare(sift({ rate: 0.1, targets: ['query.weight', 'embeddings', 'norms'] }));
    const dense = await denseGradients(
      ['query', 'LayerNorm', 'word_embeddings', 'position_embeddings', 'token_type_embeddings'],
      [batchOf(0)],
    );
    const places = placesOf(method);
    expect(places.size).toBeGreaterThan(8);
    for (const [path, at] of places) {
      const gradient = dense.get(path)!;
      expect([path, at]).toEqual([path, sortedTop(gradient, at.length)]);
    }
    const { raw: trained } = train(method, raw, adamW(), 3);
    for (const [name, { data }] of await numbers(trained))
      if (name.endsWith('.indices'))
        expect([...data]).toEqual(places.get(name.slice('sift.'.length, -'.indices'.length)));
  });

  it('6. hold more of the squared gradient than random ones', async () => {
    const { method } = await prepare(sift({ rate: 0.05, targets: ['query.weight', 'value.weight'] }));
    const { method: random } = await prepare(
      sift({ rate: 0.05, targets: ['query.weight', 'value.weight'], selection: 'random' }),
    );
    const dense = await denseGradients(['query', 'value'], [batchOf(0)]);
    const energy = (path: string, places: readonly number[]) =>
      places.reduce((sum, place) => sum + dense.get(path)![place]! ** 2, 0);
    for (const [path, at] of placesOf(method))
      expect(energy(path, at)).toBeGreaterThan(energy(path, placesOf(random).get(path)!));
  });

  it('7. have an optimiser state of 2 k numbers a tensor', async () => {
    const { method, raw } = await prepare(sift({ rate: 0.05, targets }));
    const names = trainableNames(method.plan(host.spec)).filter((name) => name.startsWith('sift.'));
    const slots = [
      ...adamW()
        .init(new Map(names.map((name) => [name, raw.get(name)!])))
        .values(),
    ];
    const sizes = slots.map((slot) => [...slot.values()].reduce((sum, { size }) => sum + size, 0));
    const chosen = [...placesOf(method).values()].reduce((sum, { length }) => sum + length, 0);
    expect(sizes).toEqual([chosen, chosen]);
  });

  it('8. compute the same merged, and unmerging is the host to the bit', async () => {
    const { method, raw } = await prepare(sift({ rate: 0.1, targets: [...targets, 'embeddings', 'feedForwardIn'] }));
    const { raw: trained } = train(method, raw, adamW(), 3);
    const { inputs } = batchOf(0);
    const before = await Promise.all(
      [...placesOf(method).keys()].map(async (path) => bits(Float32Array.from(await host.weight(path).data()))),
    );
    const overlay = runAdapter(host, adapterOf(method, trained), inputs).logits!;
    const merged = await mergeAdapter(host, adapterOf(method, trained));
    const folded = runAdapter(merged.host, merged.rest!, inputs).logits!;
    const scale = (await overlay.abs().max().data())[0]!;
    expect((await folded.sub(overlay).abs().max().data())[0]! / scale).toBeLessThan(1e-6);
    merged.host.dispose();
    expect(merged.base).toBe(host);
    for (const [index, path] of [...placesOf(method).keys()].entries())
      expect(bits(Float32Array.from(await merged.base.weight(path).data()))).toEqual(before[index]);
  });

  it('9. stay at zero without a rate, and the same seeds choose the same', async () => {
    const [one, two] = [await prepare(sift({ rate: 0.05 })), await prepare(sift({ rate: 0.05 }))];
    expect(placesOf(one.method)).toEqual(placesOf(two.method));
    const [r1, r2, r3] = await Promise.all(
      [1, 1, 2].map((seed) => prepare(sift({ rate: 0.05, selection: 'random' }), { seed })),
    );
    expect(placesOf(r1!.method)).toEqual(placesOf(r2!.method));
    expect(placesOf(r1!.method)).not.toEqual(placesOf(r3!.method));
    const { raw } = train(one.method, one.raw, adamW(), 2, 0);
    for (const [, { data }] of valuesIn(await numbers(raw))) expect(data.every((value) => value === 0)).toBe(true);
  });

  it('10. from two batches stand where the whole batch would have them, by the mean of signed gradients', async () => {
    const config = { rate: 0.1, targets: ['query.weight', 'value.weight', 'norms'] };
    const two = await prepare(sift({ ...config, batches: 2 }), { batches: batchesOf([0], [4]) });
    const whole = await prepare(sift(config), { batches: batchesOf([0, 8]) });
    const first = await prepare(sift(config), { batches: batchesOf([0]) });
    expect(placesOf(two.method)).toEqual(placesOf(whole.method));
    expect(placesOf(first.method)).not.toEqual(placesOf(whole.method));
    const fisher = await prepare(sift({ ...config, batches: 2, selection: 'fisher' }), {
      batches: batchesOf([0], [4]),
    });
    const singles = await Promise.all(
      [0, 4].map((at) => denseGradients(['query', 'value', 'LayerNorm'], [batchOf(at)])),
    );
    for (const [path, at] of placesOf(fisher.method)) {
      const [a, b] = singles.map((dense) => dense.get(path)!);
      expect(at).toEqual(
        sortedTop(
          a!.map((value, i) => value ** 2 + b![i]! ** 2),
          at.length,
        ),
      );
    }
  });

  it('11. lower the loss by the rate times the squared norm of their gradient', async () => {
    const { method, raw } = await prepare(sift({ rate: 0.1, targets: ['query', 'value', 'attentionOutput'] }));
    const wrt = trainableNames(method.plan(host.spec)).filter((name) => name.startsWith('sift.'));
    const context = evaluationContext(host.spec, 4);
    const { loss, gradients } = lossAndGradients({ host, method, raw, batch: batchOf(0), objective, context, wrt });
    const squared = (await tf.addN([...gradients.values()].map((g) => g.square().sum())).data())[0]!;
    const rate = 0.02 / squared;
    const moved = new Map(
      [...raw].map(([name, value]) => [name, gradients.has(name) ? value.sub(gradients.get(name)!.mul(rate)) : value]),
    );
    const after = lossOfBatch({ host, method, raw: moved, batch: batchOf(0), objective, context }).loss;
    const fall = (await loss.data())[0]! - (await after.data())[0]!;
    expect(fall / (rate * squared)).toBeGreaterThan(0.9);
    expect(fall / (rate * squared)).toBeLessThan(1.1);
  });

  it('12. come back from files with the same outputs, and not onto another shape', async () => {
    const { method, raw } = await prepare(
      sift({ rate: 0.1, targets: [...targets, 'embeddings'], decay: { toward: 'zero', rate: 0.01 } }),
    );
    const { raw: trained } = train(method, raw, adamW(), 2);
    const files = await saveAdapter(adapterOf(method, trained), host);
    const registry = createRegistry(siftDefinition, headDefinition, composeDefinition);
    const loaded = await loadAdapter(files, host, registry);
    const logits = (adapter: Adapter) => runAdapter(host, adapter, batchOf(0).inputs).logits!.data();
    expect(await logits(loaded)).toEqual(await logits(adapterOf(method, trained)));
    const stored = await numbers(trained);
    for (const [name, array] of await numbers(loaded.effective))
      expect([name, array]).toEqual([name, stored.get(name)]);
    await expect(loadAdapter(files, other, registry)).rejects.toMatchObject({ code: 'ADAPTER_FOR_ANOTHER_HOST' });
    await expect(loadAdapter(files, other, registry, { allowOtherHost: true })).rejects.toMatchObject({
      code: 'TARGET_MISSHAPEN',
    });
  });
});

it('a tensor that two maps share is chosen from once', () => {
  const paths = chooseTensors(['embeddings', 'word_embeddings', 'word_embeddings.weight'], host.spec).map(
    ({ path }) => path,
  );
  expect(paths.filter((path) => path === 'embeddings.word_embeddings.weight')).toHaveLength(1);
});
