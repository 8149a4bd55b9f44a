import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { lora } from '@tfjs-peft/lora';
import {
  compose,
  createStream,
  evaluationContext,
  head,
  type Host,
  initialValues,
  type Parameters,
  type PeftMethod,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { normals, type Preparation } from '@tfjs-peft/peft-core/authoring';
import { subspace } from '@tfjs-peft/subspace';
import { chosenArchitectures, tams, withArchitectures } from '@tfjs-peft/tams';
import { tarp } from '@tfjs-peft/tarp';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 });
});
afterAll(() => host.dispose());

const stream = createStream(7);
const trained = (method: PeftMethod): Parameters =>
  toParameters(
    new Map(
      [...initialValues(method.plan(host.spec), stream)].map(([name, { shape, data }]) => {
        const noise = normals(substream(stream, name), data.length);
        return [name, { shape, data: Float32Array.from(data, (value, i) => value + 0.3 * noise[i]!) }];
      }),
    ),
  );
const inputs = () => ({
  inputIds: tf.tensor2d([[2, 3, 4, 5]], undefined, 'int32'),
  attentionMask: tf.ones([1, 4], 'int32') as tf.Tensor2D,
});
const statesOf = (method: PeftMethod, effective: Parameters): tf.Tensor => {
  const context = evaluationContext(host.spec, 1);
  return host.forward(inputs(), method.intervene(effective, context), context).lastHiddenState;
};
const far = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;

it('bilinear TARP without a scale is LoRA with alpha = rank and the same factors', async () => {
  const ours = tarp({ form: 'bilinear', rank: 2, targets: ['query', 'value'] });
  const values = trained(ours);
  const renamed = new Map(
    [...values].map(([name, value]) => [
      name.replace('tarp.', 'lora.').replace('shiftDown', 'down').replace('shiftUp', 'up'),
      value,
    ]),
  );
  expect(await far(statesOf(ours, values), statesOf(lora({ rank: 2, alpha: 2 }), renamed))).toBe(0);
  expect(await far(statesOf(ours, values), statesOf(compose(), new Map()))).toBeGreaterThan(1e-3);
});

it('a simplex of cells has one architecture, that of its midpoint, and is the same once it is chosen', async () => {
  const batches = {
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve({ inputs: inputs(), targets: [] });
    },
  };
  const whole = subspace(compose(tams({ width: 3, nodes: 2, controllerSize: 5 }), head({ labels: ['a', 'b'] })));
  const preparation = { batches, others: compose(), shared: stream, stream, vertex: 0 } as unknown as Preparation;
  const searched = await whole.prepare!(host, preparation);
  const values = trained(searched);
  const frozen = withArchitectures(searched, await chosenArchitectures(searched, values));
  const plan = frozen.plan(host.spec);
  expect(plan.buffers ?? []).toEqual([]);
  expect(plan.effective.filter(({ name }) => name.includes('controller'))).toEqual([]);
  const kept = new Map(plan.effective.map(({ name }) => [name, values.get(name)!]));
  expect(await far(statesOf(frozen, kept), statesOf(searched, values))).toBeLessThan(1e-5);
});
