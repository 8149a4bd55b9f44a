import {
  type Adapter,
  compose,
  createStream,
  head,
  type Host,
  initialValues,
  runAdapter,
  runRows,
  toParameters,
} from '@tfjs-peft/peft-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { fixedAdapter } from '../../test/fixed-method.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { createRandomDecoder } from '../decoder/create-random-host.js';
import { createRandomHost } from './create-random-host.js';

useTestBackend();

let host: Host;
let adapters: Adapter[];
const inputs = () => someInputs(5);
beforeAll(async () => {
  host = await createRandomHost();
  const withHead = (other: Adapter | null, seed: number, labels = ['a', 'b']): Adapter => {
    const own = head({ labels });
    const effective = toParameters(initialValues(own.plan(host.spec), createStream(seed)));
    return {
      method: other ? compose(other.method, own) : own,
      effective: new Map([...(other?.effective ?? []), ...effective]),
      hostFingerprint: host.spec.fingerprint,
    };
  };
  const prompt = fixedAdapter(host, 'prompt', { rows: tf.randomNormal([2, 32], 0, 1, 'float32', 1) }, ({ rows }) => ({
    kind: 'tokenPrefix',
    embeddings: rows!,
  }));
  const bias = fixedAdapter(host, 'bias', { delta: tf.randomNormal([32], 0, 1, 'float32', 2) }, ({ delta }) => ({
    kind: 'biasDelta',
    path: 'encoder.layer.0.output.dense',
    delta: delta!,
  }));
  adapters = [withHead(null, 1), withHead(prompt, 2), withHead(bias, 3), withHead(null, 4, ['a', 'b', 'c'])];
});
afterAll(() => host.dispose());

describe('runRows', () => {
  it('gives every example what its adapter gives it alone, whatever the others have', async () => {
    const choice = [2, 0, 1, 1, 0];
    const together = runRows(host, adapters, choice, inputs());
    for (const [row, index] of choice.entries()) {
      const alone = runAdapter(host, adapters[index]!, inputs()).logits!;
      expect(await maxDifference(together.gather([row]), alone.gather([row]))).toBeLessThan(1e-6);
      const other = runAdapter(host, adapters[(index + 1) % 3]!, inputs()).logits!;
      expect(await maxDifference(together.gather([row]), other.gather([row]))).toBeGreaterThan(1e-3);
    }
  });

  it('keeps the documents of packed rows apart, and encoders refuse them', async () => {
    const decoder = await createRandomDecoder({}, 3);
    const own = head({ labels: ['a', 'b'], initialStandardDeviation: 1 });
    const adapter: Adapter = {
      method: own,
      effective: toParameters(initialValues(own.plan(decoder.spec), createStream(1))),
      hostFingerprint: decoder.spec.fingerprint,
    };
    const packed = {
      inputIds: tf.tensor2d([[5, 6, 7, 8, 9, 10]], [1, 6], 'int32'),
      attentionMask: tf.ones<tf.Rank.R2>([1, 6], 'int32'),
      documentIds: tf.tensor2d([[0, 0, 0, 1, 1, 1]], [1, 6], 'int32'),
    };
    const whole = runAdapter(decoder, adapter, packed).logits!;
    expect(await maxDifference(runRows(decoder, [adapter], [0], packed), whole)).toBeLessThan(1e-6);
    const { documentIds: _, ...leaking } = packed;
    expect(await maxDifference(runRows(decoder, [adapter], [0], leaking), whole)).toBeGreaterThan(1e-3);
    expect(() => runRows(host, adapters, [0], packed)).toThrow(
      expect.objectContaining({ code: 'HOST_INPUTS_INVALID' }),
    );
    decoder.dispose();
  });

  it('is differentiable in the parameters of each adapter', async () => {
    const [name, weight] = [...adapters[0]!.effective][0]!;
    const loss = (w: tf.Tensor) => {
      const own: Adapter = { ...adapters[0]!, effective: new Map([...adapters[0]!.effective, [name, w]]) };
      return runRows(host, [own, adapters[2]!], [0, 1, 0, 1, 0], inputs()).square().sum() as tf.Scalar;
    };
    const gradient = tf.grad(loss)(weight);
    const direction = tf.randomNormal(weight.shape, 0, 1, 'float32', 9);
    const at = async (step: number) => (await loss(weight.add(direction.mul(step))).data())[0]!;
    const slope = ((await at(1e-2)) - (await at(-1e-2))) / 2e-2;
    expect((await gradient.mul(direction).sum().data())[0]! / slope).toBeCloseTo(1, 2);
  });

  it('refuses choices that do not fit, adapters without a head, heads of different sizes', () => {
    const bare = { ...adapters[1]!, method: compose(), effective: new Map<string, tf.Tensor>() };
    expect(() => runRows(host, adapters, [0, 1], inputs())).toThrow(expect.objectContaining({ code: 'ROWS_INVALID' }));
    expect(() => runRows(host, adapters, [0, 1, 9, 0, 0], inputs())).toThrow(/9/);
    expect(() => runRows(host, [bare], [0, 0, 0, 0, 0], inputs())).toThrow(
      expect.objectContaining({ code: 'LOGITS_MISSING' }),
    );
    expect(() => runRows(host, adapters, [0, 3, 0, 3, 0], inputs())).toThrow(
      expect.objectContaining({ code: 'LABELS_MISMATCH' }),
    );
  });
});
