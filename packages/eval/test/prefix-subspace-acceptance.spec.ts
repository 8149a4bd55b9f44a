import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  type Context,
  createStream,
  evaluationContext,
  foldMethod,
  head,
  type Host,
  initialValues,
  padBatch,
  type Parameters,
  type PeftMethod,
  sitesOfKind,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import type { Interventions, KeyValuePrefix } from '@tfjs-peft/peft-core/interventions';
import { prefix } from '@tfjs-peft/prefix';
import { mixVertices, pointOfSimplex, subspace } from '@tfjs-peft/subspace';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

const sizes = { hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 20 };
const texts = [
  [2, 7, 9, 3],
  [2, 11, 3],
  [2, 5, 13, 17, 3],
].map((inputIds) => ({ inputIds, tokenTypeIds: inputIds.map(() => 0) }));
const labels = [0, 1, 2];

const flat = prefix({ prefixLength: 3, reparametrisation: 'none', initialStandardDeviation: 0.7 });
const mlp = prefix({ prefixLength: 3, mlpHiddenSize: 5, initialStandardDeviation: 0.7 });
const ownHead = head({ labels: ['a', 'b', 'c'], initialStandardDeviation: 0.5 });

let host: Host;
let inputs: ReturnType<typeof padBatch>;
beforeAll(async () => {
  host = await createRandomHost(sizes, 4);
  inputs = padBatch(texts, host.spec.padTokenId);
});

const context = (mode: Context['mode'], draws: string | number = 1): Context => ({
  ...evaluationContext(host.spec, texts.length),
  mode,
  streams: { dropout: createStream('dropout'), draws: substream(createStream('draws'), draws) },
});
const startOf = (method: PeftMethod, seed = 3): Parameters =>
  toParameters(initialValues(method.plan(host.spec), createStream(seed)));
const logitsOf = (interventions: Interventions, used = context('evaluate'), batch = inputs) =>
  host.forward(batch, interventions, used).logits!;
const run = (method: PeftMethod, raw: Parameters, used: Context) =>
  logitsOf(method.intervene(effectiveParameters(method, raw, host.spec), used), used);
const numbers = async (tensor: tf.Tensor) => [...(await tensor.data())];
const largestDifference = async (a: tf.Tensor, b: tf.Tensor) => Math.max(...(await tf.abs(a.sub(b)).data()));
const lossOf = (logits: tf.Tensor) =>
  tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(labels, 'int32'), 3), logits as tf.Tensor2D) as tf.Scalar;

describe('prefix and its simplex on an encoder', () => {
  it.each([
    ['flat', flat],
    ['mlp', mlp],
  ])('T1: a simplex of one vertex is plain prefix tuning bit for bit (%s)', async (_name, method) => {
    const plain = compose(method, ownHead);
    const simplex = subspace(plain, { vertices: 1, beta: 7 });
    for (const mode of ['train', 'sample', 'evaluate'] as const)
      expect(await numbers(run(simplex, startOf(simplex), context(mode)))).toEqual(
        await numbers(run(plain, startOf(plain), context(mode))),
      );
  });

  it('T2: one-hot coefficients are the vertex, equal ones the folded midpoint', async () => {
    const plain = compose(mlp, ownHead);
    const simplex = subspace(plain);
    const effective = effectiveParameters(simplex, startOf(simplex), host.spec);
    const at = (coefficients: number[]) =>
      logitsOf(plain.intervene(pointOfSimplex(simplex, effective, coefficients), context('evaluate')));
    const folded = foldMethod(simplex, effective);
    const midpoint = logitsOf(folded.method.intervene(folded.effective, context('evaluate')));
    expect(await largestDifference(at([0.5, 0.5]), midpoint)).toBeLessThan(1e-5);
    expect(await largestDifference(logitsOf(simplex.intervene(effective, context('evaluate'))), midpoint)).toBeLessThan(
      1e-5,
    );
    // Vertex 0 starts where the plain method does.
    expect(await largestDifference(at([1, 0]), run(plain, startOf(plain), context('evaluate')))).toBeLessThan(1e-5);
    expect(await largestDifference(at([0, 1]), midpoint)).toBeGreaterThan(1e-2);
  });

  it('T3: a batch whose rows have coefficients a, b, c equals single runs with a, b and c', async () => {
    const plain = compose(flat, ownHead);
    const simplex = subspace(plain);
    const effective = startOf(simplex);
    const coefficients = [
      [0.2, 0.8],
      [0.9, 0.1],
      [0.5, 0.5],
    ];
    const weights = tf.tensor2d(coefficients);
    const mixed = new Map(
      plain.plan(host.spec).effective.map(({ name }) => [
        name,
        mixVertices(
          [0, 1].map((vertex) => effective.get(name.replace('.', `.vertex.${vertex}.`))!),
          weights,
          true,
        ),
      ]),
    );
    const together = logitsOf(plain.intervene(mixed, context('evaluate')));
    for (const [row, point] of coefficients.entries()) {
      const alone = logitsOf(plain.intervene(pointOfSimplex(simplex, effective, point), context('evaluate')));
      expect(await largestDifference(together.slice([row, 0], [1, 3]), alone.slice([row, 0], [1, 3]))).toBeLessThan(
        1e-5,
      );
    }
    expect(
      await largestDifference(
        together.slice([0, 0], [1, 3]),
        logitsOf(plain.intervene(pointOfSimplex(simplex, effective, [0.9, 0.1]), context('evaluate'))).slice(
          [0, 0],
          [1, 3],
        ),
      ),
    ).toBeGreaterThan(1e-3);
  });

  it('T5: a prefix with all its scores far below zero leaves the bare encoder, so positions are not shifted', async () => {
    const closable = sitesOfKind(host.spec, 'attention').flatMap(({ path, heads, headSize }) =>
      emptyKeyDirection(path, heads, headSize),
    );
    const closed = (positions: KeyValuePrefix['positions']) =>
      sitesOfKind(host.spec, 'attention').map(({ path, heads, headSize }): KeyValuePrefix => {
        const shape: [number, number, number] = [heads, 3, headSize];
        const firstOnly = tf.oneHot(tf.zeros([heads * 3], 'int32'), headSize).reshape(shape);
        return { kind: 'keyValuePrefix', path, keys: firstOnly.mul(-1e4), values: tf.ones(shape), positions };
      });
    const states = (interventions: Interventions) =>
      host.forward(inputs, interventions, context('evaluate')).lastHiddenState;
    const bare = states(closable);
    expect(await largestDifference(bare, states([...closable, ...closed('none')]))).toBeLessThan(1e-5);
    expect(await largestDifference(bare, states([...closable, ...closed('shift')]))).toBeGreaterThan(1e-2);
    expect(
      await largestDifference(bare, states([...closable, ...flat.intervene(startOf(flat), context('evaluate'))])),
    ).toBeGreaterThan(1e-2);
  });

  it('T6: only prefix and head have gradients, and all of them do', async () => {
    const method = subspace(compose(mlp, ownHead));
    const raw = startOf(method);
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) =>
      lossOf(run(method, new Map([...raw.keys()].map((name, i) => [name, values[i]!])), context('train'))),
    )([...raw.values()]);
    expect(grads).toHaveLength(raw.size);
    for (const [index, gradient] of grads.entries())
      expect([[...raw.keys()][index], (await numbers(gradient.abs().max()))[0]! > 0]).toEqual([
        [...raw.keys()][index],
        true,
      ]);
    expect([...raw.keys()].every((name) => /^(prefix|head)\.vertex\.[01]\./.test(name))).toBe(true);
  });

  it.each([
    ['prefix and head', compose(flat, ownHead)],
    ['reparametrised prefix and head', compose(mlp, ownHead)],
    ['their simplex', subspace(compose(flat, ownHead), { beta: 0.5 })],
    ['their reparametrised simplex', subspace(compose(mlp, ownHead), { beta: 0.5, regularisation: 'per_layer' })],
  ])('gradients of %s agree with central finite differences', async (_name, method) => {
    const raw = startOf(method);
    const names = [...raw.keys()];
    const used = context('train');
    const loss = (...values: tf.Tensor[]): tf.Scalar =>
      tf.tidy(() => {
        const parameters = new Map(names.map((name, i) => [name, values[i]!]));
        const effective = effectiveParameters(method, parameters, host.spec);
        const data = lossOf(logitsOf(method.intervene(effective, used), used));
        return method.penalty ? data.add(method.penalty(effective, used)) : data;
      });
    const gradients = tf.grads(loss)([...raw.values()]);
    for (const [index, name] of names.entries()) {
      // Along the gradient's own direction the derivative is its norm.
      const gradient = gradients[index]!;
      const norm = (await numbers(gradient.norm()))[0]!;
      const direction = gradient.div(norm);
      const at = async (step: number) => {
        const moved = [...raw.values()].map((value, i) => (i === index ? value.add(direction.mul(step)) : value));
        return (await loss(...moved).data())[0]!;
      };
      const size = 0.02;
      const numeric = ((await at(size)) - (await at(-size))) / (2 * size);
      expect({ name, agrees: Math.abs(numeric - norm) / norm < 1e-2 }).toEqual({ name, agrees: true });
    }
  });

  it('leaks no tensor over 50 steps', async () => {
    const method = subspace(compose(mlp, ownHead));
    let raw: Parameters = startOf(method);
    const names = [...raw.keys()];
    const counts: number[] = [];
    for (let step = 0; step < 50; step++) {
      const old = [...raw.values()];
      const { value, grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
        const used = context('train', step);
        const effective = effectiveParameters(method, new Map(names.map((name, i) => [name, values[i]!])), host.spec);
        return lossOf(logitsOf(method.intervene(effective, used), used)).add(
          method.penalty!(effective, used),
        ) as tf.Scalar;
      })(old);
      raw = new Map(names.map((name, i) => [name, tf.tidy(() => old[i]!.sub(grads[i]!.mul(0.01)))]));
      tf.dispose([old, value, grads]);
      counts.push(tf.memory().numTensors);
    }
    expect(new Set(counts.slice(2)).size).toBe(1);
  });
});

/**
 * Makes the first number of every head positive in all queries and zero in all keys of the text, so that a prefix key along it alone gets
 * a score as low as wanted from every query: a closed column of the mask.
 */
function emptyKeyDirection(path: string, heads: number, headSize: number): Interventions {
  const size = heads * headSize;
  const first = Float32Array.from({ length: size }, (_, i) => (i % headSize === 0 ? 1 : 0));
  const others = tf.scalar(1).sub(tf.tensor1d(first));
  return [
    { kind: 'biasDelta', path: `${path}.query`, delta: tf.tensor1d(first).mul(100) },
    { kind: 'weightScale', path: `${path}.key`, scale: others.reshape([1, size]) },
    {
      kind: 'biasDelta',
      path: `${path}.key`,
      delta: host
        .weight(`${path}.key.bias`)
        .mul(others)
        .sub(host.weight(`${path}.key.bias`)),
    },
  ];
}
