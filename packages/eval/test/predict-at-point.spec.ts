import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  createStream,
  head,
  type Host,
  initialValues,
  type Parameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { predictAtPoint } from '@tfjs-peft/eval/trial';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { predictLogits } from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();
const inner = compose(
  prefix({ prefixLength: 3, reparametrisation: 'none', initialisation: 'randn' }),
  head({ labels: ['a', 'b', 'c'], initialStandardDeviation: 0.5 }),
);
const method = subspace(inner, { vertices: 2 });
const texts = [
  { inputIds: [1, 5, 7, 2], tokenTypeIds: [0, 0, 0, 0] },
  { inputIds: [1, 9, 2], tokenTypeIds: [0, 0, 0] },
  { inputIds: [1, 11, 12, 13, 14, 2], tokenTypeIds: [0, 0, 0, 0, 0, 0] },
];
const stream = createStream(7);
let host: Host;
let effective: Parameters;

beforeAll(async () => {
  host = await createRandomHost();
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(3)));
  effective = effectiveParameters(method, raw, host.spec);
  // The first pass of a host may pack its weights, which it keeps.
  await vertexAlone(0);
});

const at = async (point: string, draws = 4) => {
  const before = tf.memory().numTensors;
  const result = await predictAtPoint({
    host,
    method,
    effective,
    texts,
    test: { point, draws },
    stream,
    regression: false,
  });
  expect(tf.memory().numTensors).toBe(before);
  expect(result.labels).toBe(3);
  expect(result.logits).toHaveLength(9);
  return [...result.logits];
};
const softmaxOf = (row: number[]) => {
  const exponentials = row.map(Math.exp);
  return exponentials.map((value) => value / exponentials.reduce((a, b) => a + b));
};
const rowsOf = (logits: ArrayLike<number>) =>
  Array.from({ length: logits.length / 3 }, (_, row) =>
    Array.from({ length: 3 }, (_unused, i) => logits[3 * row + i]!),
  );
/** The inner method with the parameters of one vertex, picked by their names alone. */
const vertexAlone = async (vertex: number) => {
  const own = new Map(
    [...effective].flatMap(([name, tensor]): [string, tf.Tensor][] =>
      name.includes(`.vertex.${vertex}.`) ? [[name.replace(`.vertex.${vertex}.`, '.'), tensor]] : [],
    ),
  );
  return [...(await predictLogits({ host, method: inner, effective: own, texts })).logits];
};
const expectClose = (a: number[], b: number[]) => a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 5));

describe('predictAtPoint', () => {
  it('takes exactly one vertex', async () => {
    expectClose(await at('vertex:0'), await vertexAlone(0));
    expectClose(await at('vertex:1'), await vertexAlone(1));
    expect(await at('vertex:0')).not.toEqual(await at('vertex:1'));
  });

  it('takes the midpoint as evaluation does', async () => {
    expectClose(await at('midpoint'), [...(await predictLogits({ host, method, effective, texts })).logits]);
  });

  it('draws one point a text, or averages the probabilities of several', async () => {
    const drawn = await predictLogits({ host, method, effective, texts, mode: 'sample', draws: 4, stream });
    const draws = rowsOf(drawn.logits).map(softmaxOf);
    expect(await at('random')).toEqual([...drawn.logits.slice(0, 9)]);
    expect(await at('random')).not.toEqual(await at('midpoint'));
    const means = texts.flatMap((_, text) =>
      [0, 1, 2].map((label) => [0, 3, 6, 9].reduce((sum, start) => sum + draws[start + text]![label]! / 4, 0)),
    );
    expectClose(rowsOf(await at('ensemble')).flatMap(softmaxOf), means);
  });

  it('averages outputs in a regression', async () => {
    const drawn = await predictLogits({ host, method, effective, texts, mode: 'sample', draws: 4, stream });
    const { logits } = await predictAtPoint({
      host,
      method,
      effective,
      texts,
      test: { point: 'ensemble', draws: 4 },
      stream,
      regression: true,
    });
    expectClose(
      [...logits],
      [...logits].map((_, i) => [0, 9, 18, 27].reduce((sum, start) => sum + drawn.logits[start + i]! / 4, 0)),
    );
  });
});
