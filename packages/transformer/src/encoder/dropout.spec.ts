import {
  type Context,
  createStream,
  evaluationContext,
  type Host,
  type HostInputs,
  type Mode,
} from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { createHost } from './create-host.js';
import { createRandomHost, tinyBertConfig } from './create-random-host.js';

useTestBackend();

const context = (host: Host, seed: number, mode: Mode = 'train', batchSize = 3): Context => ({
  mode,
  host: host.spec,
  batchSize,
  streams: { dropout: createStream(seed), draws: createStream(0) },
});
const hiddenStates = (host: Host, used: Context, inputs: HostInputs = someInputs()) =>
  host.forward(inputs, [], used).lastHiddenState;

describe('dropout of the frozen encoder', () => {
  it('acts in training alone, and the stream decides', async () => {
    const host = await createRandomHost({ dropout: 0.1 });
    const plain = hiddenStates(host, evaluationContext(host.spec, 3));
    expect(await maxDifference(hiddenStates(host, context(host, 1, 'sample')), plain)).toBe(0);
    const first = hiddenStates(host, context(host, 1));
    expect(await maxDifference(hiddenStates(host, context(host, 1)), first)).toBe(0);
    expect(await maxDifference(hiddenStates(host, context(host, 2)), first)).toBeGreaterThan(1e-2);
    expect(await maxDifference(first, plain)).toBeGreaterThan(1e-2);
    host.dispose();
  });

  it('drops the share it should and keeps the mean, seen behind the embeddings', async () => {
    const host = await createRandomHost({ dropout: 0.3, numHiddenLayers: 1, hiddenSize: 32 });
    const inputs = { inputIds: tf.fill([64, 8], 7, 'int32'), attentionMask: tf.ones([64, 8], 'int32') } as HostInputs;
    let seen: tf.Tensor | undefined;
    const adapter = {
      kind: 'sublayerAdapter',
      path: 'encoder.layer.0.attention.output',
      placement: 'parallel',
      apply: (x: tf.Tensor) => ((seen = tf.keep(x.clone())), x.zerosLike()),
    } as const;
    host.forward(inputs, [adapter], evaluationContext(host.spec, 64));
    const expected = seen!.mean(0);
    host.forward(inputs, [adapter], context(host, 4, 'train', 64));
    const share = (await seen!.equal(0).toFloat().mean().data())[0]!;
    // 16,384 elements at rate 0.3: standard deviation 0.0036
    expect(Math.abs(share - 0.3)).toBeLessThan(0.02);
    const ratio = seen!.mul(expected).sum().div(expected.square().sum().mul(64));
    expect(Math.abs((await ratio.data())[0]! - 1)).toBeLessThan(0.03);
    host.dispose();
  });

  it('follows config.json unless the host is told otherwise', async () => {
    const random = await createRandomHost();
    const arrays = new Map();
    for (const site of random.spec.sites)
      if (site.kind === 'tensor') {
        const tensor = random.weight(site.path);
        const stored = site.path.includes('embeddings') || tensor.rank === 1 ? tensor : tensor.transpose();
        arrays.set(site.path, { shape: stored.shape, data: Float32Array.from(await stored.data()) });
      }
    const options = { config: tinyBertConfig({ dropout: 0.5 }), tensors: memoryTensorSource(arrays), name: 'tiny' };
    const drops = async (dropout?: false | number) => {
      const host = await createHost({ ...options, dropout });
      expect(host.spec.fingerprint).toBe(random.spec.fingerprint);
      const difference = await maxDifference(
        hiddenStates(host, context(host, 1)),
        hiddenStates(host, evaluationContext(host.spec, 3)),
      );
      host.dispose();
      return difference > 0;
    };
    expect(await drops()).toBe(true);
    expect(await drops(0.1)).toBe(true);
    expect(await drops(false)).toBe(false);
    expect(await drops(0)).toBe(false);
    for (const dropout of [1, -0.1, Number.NaN])
      await expect(createHost({ ...options, dropout })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    random.dispose();
  });
});
