import { describe, expect, it } from '@jest/globals';
import {
  countParameters,
  createStream,
  initialValues,
  type NamedArray,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { describedHost as host } from '../test/described-host.js';
import { pTuning, pTuningDefinition } from './p-tuning.js';

useTestBackend();

const seed = createStream(5);
const rawOf = (method: ReturnType<typeof pTuning>) => initialValues(method.plan(host), seed);

describe('pTuning', () => {
  it('trains an encoder and keeps rows', () => {
    const bert = { ...host, hiddenSize: 768, sites: [{ kind: 'embeddings' as const, path: 'embeddings', size: 768 }] };
    // Embedding 20 × 768, maps 768 → 128 → 128 → 768.
    const mlp = pTuning({ length: 20, encoderHiddenSize: 128 });
    expect(countParameters(mlp.plan(bert))).toEqual({
      buffers: 0,
      trainable: 15_360 + 98_432 + 16_512 + 99_072,
      effective: 15_360,
    });
    // torch.nn.LSTM(768, 128, 2, bidirectional): 1,314,816; maps 256 → 256 → 768.
    const lstm = pTuning({ length: 20, encoder: 'lstm', encoderHiddenSize: 128 });
    expect(countParameters(lstm.plan(bert))).toEqual({
      buffers: 0,
      trainable: 15_360 + 1_314_816 + 65_792 + 197_376,
      effective: 15_360,
    });
    expect(mlp.plan(host).effective).toEqual([
      { name: 'ptuning.embeddings', shape: [20, 8], site: 'embeddings', perExample: 'axis' },
    ]);
    const width = ({ raw }: ReturnType<typeof mlp.plan>) =>
      raw.find(({ name }) => name.endsWith('encoder.0.weight'))!.shape;
    expect(width(pTuning().plan(host))).toEqual([8, 8]);
  });

  it('computes three affine maps with ReLU between for mlp', async () => {
    const method = pTuning({ length: 3, encoderHiddenSize: 5 });
    const raw = toParameters(rawOf(method));
    const at = (name: string) => raw.get(`ptuning.encoder.${name}`) as tf.Tensor2D;
    const map = (x: tf.Tensor, place: number) =>
      tf.matMul(x as tf.Tensor2D, at(`${place}.weight`)).add(at(`${place}.bias`));
    const wanted = map(map(map(at('embedding'), 0).relu(), 2).relu(), 4);
    const rows = method.reparametrise!(raw, host).get('ptuning.embeddings')!;
    expect(rows.shape).toEqual([3, 8]);
    expect([...(await rows.data())]).toEqual([...(await wanted.data())]);
  });

  it('lets every row of an lstm depend on the others, and none of an mlp', async () => {
    const moved = async (encoder: 'mlp' | 'lstm') => {
      const method = pTuning({ length: 4, encoder, encoderHiddenSize: 6 });
      const rows = async (arrays: Map<string, NamedArray>) => {
        const made = await readParameters(effectiveParameters(method, toParameters(arrays), host));
        return made.get('ptuning.embeddings')!.data;
      };
      const raw = rawOf(method);
      const { shape, data } = raw.get('ptuning.encoder.embedding')!;
      const changed = new Map(raw).set('ptuning.encoder.embedding', {
        shape,
        data: data.map((value, i) => (i < 8 ? value + 1 : value)),
      });
      const [before, after] = [await rows(raw), await rows(changed)];
      return [0, 1, 2, 3].map((row) => before.subarray(row * 8, row * 8 + 8).some((x, i) => x !== after[row * 8 + i]));
    };
    expect(await moved('mlp')).toEqual([true, false, false, false]);
    expect(await moved('lstm')).toEqual([true, true, true, true]);
  });

  it('leaks no tensor', () => {
    const method = pTuning({ length: 4, encoder: 'lstm', encoderHiddenSize: 6 });
    const raw = toParameters(rawOf(method));
    const before = tf.memory().numTensors;
    tf.tidy(() => void method.reparametrise!(raw, host));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reads the entries of HF peft, and refuses encoders it does not know', () => {
    const read = (config: object) =>
      pTuningDefinition.fromHfConfig!({ num_virtual_tokens: 3, ...config } as never, host);
    expect(read({ encoder_reparameterization_type: 'LSTM', encoder_hidden_size: 16, encoder_num_layers: 1 })).toEqual({
      length: 3,
      encoder: 'lstm',
      encoderHiddenSize: 16,
      encoderLayers: 1,
    });
    expect(read({ encoder_hidden_size: 8 })).toEqual({ length: 3, encoder: 'mlp' });
    expect(() => read({ encoder_reparameterization_type: 'GRU' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
