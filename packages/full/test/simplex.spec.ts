import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  type Context,
  createStream,
  evaluationContext,
  head,
  type Host,
  initialValues,
  mergeAdapter,
  type Parameters,
  type PeftMethod,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';
// eslint-disable-next-line @nx/enforce-module-boundaries -- what a simplex makes of this method is the subject here
import { pointOfSimplex, subspace } from '@tfjs-peft/subspace';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { fullFineTuning } from '../src/index.js';

useTestBackend();

const vertices = 3;
const batch = 3;

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

const inputs = () => ({
  inputIds: tf.tensor2d([5, 6, 7, 8, 9, 10, 11, 0, 5, 50, 0, 0], [batch, 4], 'int32'),
  attentionMask: tf.tensor2d([1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0], [batch, 4], 'int32'),
});
const rowOf = <T extends tf.Tensor>(tensor: T, row: number) => tensor.slice([row, 0], [1, -1]) as T;
const sampling = (): Context => ({
  ...evaluationContext(host.spec, batch),
  mode: 'sample',
  streams: { dropout: createStream(1), draws: createStream(2) },
});

/** What each example has of each vertex, `[batch][vertices]`, by the modules whose matrices are mixed. */
async function sharesOf(drawn: Interventions): Promise<Map<string, number[][]>> {
  const columns = new Map<string, number[][]>();
  for (const item of drawn)
    if (item.kind === 'weightDelta' && item.shares)
      columns.set(item.path, [...(columns.get(item.path) ?? []), [...(await item.shares.data())]]);
  return new Map(
    [...columns].map(([path, ofVertex]) => [
      path,
      Array.from({ length: batch }, (_, row) => ofVertex.map((column) => column[row]!)),
    ]),
  );
}

/** Logits of one example on a host whose weights are those of the point, as a person would mix them. */
async function logitsAlone(method: PeftMethod, effective: Parameters, row: number): Promise<tf.Tensor> {
  const merged = await mergeAdapter(host, { method, effective, hostFingerprint: host.spec.fingerprint });
  const { inputIds, attentionMask } = inputs();
  const own = { inputIds: rowOf(inputIds, row), attentionMask: rowOf(attentionMask, row) };
  const { logits } = runAdapter(merged.host, merged.rest!, own);
  merged.host.dispose();
  return logits!;
}

const distance = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;

function simplexOver(include: string | null, granularity: 'example' | 'example_layer') {
  const inner = compose(
    fullFineTuning({ include, initialStandardDeviation: 0.3 }),
    head({ labels: ['a', 'b'], readout: 'cls', initialStandardDeviation: 0.1 }),
  );
  const method = subspace(inner, { vertices, granularity, head: false });
  const effective = toParameters(initialValues(method.plan(host.spec), createStream(3)));
  const drawn = method.intervene(effective, sampling());
  const { logits } = host.forward(inputs(), drawn, sampling());
  return { inner, method, effective, drawn, logits: logits! };
}

describe('a simplex of fully fine-tuned hosts', () => {
  // The query map is always among them: its shares are the draws.
  it.each([
    ['affine maps', '.*(query|key|value|dense)'],
    ['tables', '.*(_embeddings|query)'],
    ['LayerNorms', '.*(LayerNorm|query)'],
    ['everything', null],
  ])('mixes %s for each example as if it had a host of its own', async (_, include) => {
    const { inner, method, effective, drawn, logits } = simplexOver(include, 'example');
    const shares = await sharesOf(drawn);
    const [first] = shares.values();
    for (const ofModule of shares.values()) expect(ofModule).toEqual(first);
    const midpoint = host.forward(
      inputs(),
      method.intervene(effective, evaluationContext(host.spec, batch)),
      sampling(),
    );
    expect(await distance(logits, midpoint.logits!)).toBeGreaterThan(1e-2);
    for (const [row, coefficients] of first!.entries()) {
      const point = pointOfSimplex(method, effective, coefficients);
      expect(await distance(rowOf(logits, row), await logitsAlone(inner, point, row))).toBeLessThan(1e-5);
    }
  });

  it('draws each table and affine map apart where asked to, its bias with it', async () => {
    const { inner, method, effective, drawn, logits } = simplexOver(
      '.*(_embeddings|query|key|value|dense)',
      'example_layer',
    );
    const shares = await sharesOf(drawn);
    expect(new Set([...shares.values()].map((rows) => rows.join())).size).toBe(shares.size);
    for (let row = 0; row < batch; row++) {
      const point = new Map([...effective].filter(([name]) => name.startsWith('head.')));
      for (const [path, rows] of shares)
        for (const [name, tensor] of pointOfSimplex(method, effective, rows[row]!))
          if (name.startsWith(`full.${path}.`)) point.set(name, tensor);
      expect(await distance(rowOf(logits, row), await logitsAlone(inner, point, row))).toBeLessThan(1e-5);
    }
  });
});
