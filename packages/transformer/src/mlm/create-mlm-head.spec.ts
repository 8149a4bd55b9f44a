import { evaluationContext, type NamedArray, sitesOfKind } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { expectGradient } from '../../test/expect-gradient.js';
import {
  goldenFolder,
  hasShared,
  hostFrom,
  maxDifference,
  minilmFolder,
  openFile,
  readGolden,
  sharedFolder,
  someInputs,
} from '../../test/test-hosts.js';
import type { EncoderHost } from '../encoder/create-host.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { createMlmHead, type MlmHead } from './create-mlm-head.js';

useTestBackend();

const folder = new URL('tiny-roberta/', goldenFolder);
let host: EncoderHost;
let arrays: Map<string, NamedArray>;
let mlm: MlmHead;
beforeAll(async () => {
  host = await hostFrom(folder);
  const file = await openFile(new URL('mlm.safetensors', folder));
  arrays = new Map();
  for (const [name, { shape }] of file.tensors)
    if (name.startsWith('lm_head.')) arrays.set(name, { shape, data: await file.readFloat32(name) });
  mlm = await createMlmHead(host, memoryTensorSource(arrays));
});
afterAll(() => {
  mlm.dispose();
  host.dispose();
});
const changed = (changes: Record<string, NamedArray | undefined>) => {
  const all = new Map(arrays);
  for (const [name, array] of Object.entries(changes))
    if (array) all.set(name, array);
    else all.delete(name);
  return createMlmHead(host, memoryTensorSource(all));
};
const states = (seed = 1) => tf.randomNormal<tf.Rank.R3>([2, 5, 32], 0, 1, 'float32', seed);

describe('logits of a masked language model', () => {
  it('at chosen positions and for chosen words are those of all', async () => {
    const hidden = states();
    const all = mlm.logits(hidden);
    expect(all.shape).toEqual([2, 5, 100]);
    const positions = tf.tensor2d([4, 0, 2, 2], [2, 2], 'int32');
    const tokenIds = [99, 0, 17, 17];
    const rows = [all.slice([0, 4, 0], [1, 1, 100]), all.slice([0, 0, 0], [1, 1, 100])];
    const others = [all.slice([1, 2, 0], [1, 1, 100]), all.slice([1, 2, 0], [1, 1, 100])];
    const expected = tf.concat([tf.concat(rows, 1), tf.concat(others, 1)], 0);
    expect(await maxDifference(mlm.logits(hidden, { positions }), expected)).toBeLessThan(1e-5);
    const words = tf.gather(expected, tokenIds, 2);
    expect(await maxDifference(mlm.logits(hidden, { positions, tokenIds }), words)).toBeLessThan(1e-5);
    expect(mlm.vocabSize).toBe(100);
  });

  it('have gradients in the hidden states', async () => {
    const positions = tf.tensor2d([4, 2], [2, 1], 'int32');
    const smooth = (logits: tf.Tensor) => logits.sin().mean() as tf.Scalar;
    await expectGradient([[2, 5, 32]], (x) =>
      smooth(
        mlm
          .logits(x as tf.Tensor3D)
          .mul(0.1)
          .mul(10),
      ),
    );
    await expectGradient([[2, 5, 32]], (x) => smooth(mlm.logits(x as tf.Tensor3D, { positions, tokenIds: [3, 9] })));
  });

  it('have gradients in what acts on the host', async () => {
    const inputs = someInputs(2, 5, 100, 1);
    const positions = tf.tensor2d([2, 1], [2, 1], 'int32');
    const embeddings = tf.variable(tf.ones([1, 32]));
    const step = () =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() => {
          const { lastHiddenState } = host.forward(
            inputs,
            [{ kind: 'tokenPrefix', embeddings }],
            evaluationContext(host.spec, 2),
          );
          return mlm
            .logits(lastHiddenState, { positions, tokenIds: [3, 9] })
            .logSumExp()
            .asScalar();
        });
        value.dispose();
        return grads[embeddings.name]!.norm();
      });
    step().dispose();
    const before = tf.memory().numTensors;
    const norm = step();
    expect(tf.memory().numTensors).toBe(before + 1);
    expect((await norm.data())[0]).toBeGreaterThan(1e-4);
  });

  it('leave no tensors behind, nor does the head', async () => {
    const before = tf.memory().numTensors;
    const other = await changed({});
    const hidden = states();
    other.logits(hidden).dispose();
    other.logits(hidden, { tokenIds: [1, 2] }).dispose();
    other.dispose();
    hidden.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('use a decoder of their own where one is stored', async () => {
    const data = Float32Array.from({ length: 3200 }, (_, i) => Math.sin(i));
    const own = await changed({ 'lm_head.decoder.weight': { shape: [100, 32], data } });
    const hidden = states();
    expect(await maxDifference(own.logits(hidden), mlm.logits(hidden))).toBeGreaterThan(0.1);
    own.dispose();
  });

  it('take the bias under either of its names', async () => {
    const renamed = await changed({ 'lm_head.bias': undefined, 'lm_head.decoder.bias': arrays.get('lm_head.bias') });
    const hidden = states();
    expect(await maxDifference(renamed.logits(hidden), mlm.logits(hidden))).toBe(0);
    renamed.dispose();
  });

  it.each([
    ['positions for other texts', { positions: [[1], [2], [3]] }, 'shape [3, 1]'],
    ['an id beyond the vocabulary', { tokenIds: [100] }, 'token id 100'],
    ['an id that is no integer', { tokenIds: [1.5] }, 'token id 1.5'],
    ['no ids', { tokenIds: [] }, 'no token ids'],
  ])('refuse %s', (_, { positions, tokenIds }: { positions?: number[][]; tokenIds?: number[] }, text) => {
    const selection = { tokenIds, positions: positions && tf.tensor2d(positions, undefined, 'int32') };
    expect(() => mlm.logits(states(), selection)).toThrow(
      expect.objectContaining({ code: 'MLM_SELECTION_INVALID', message: expect.stringContaining(text) }),
    );
  });
});

describe('a stored head', () => {
  const vector = { shape: [32], data: new Float32Array(32) };
  it.each([
    [{ 'lm_head.layer_norm.bias': undefined }, 'TENSOR_MISSING', 'lm_head.layer_norm.bias'],
    [{ 'lm_head.bias': undefined }, 'TENSOR_MISSING', 'lm_head.bias'],
    [{ 'lm_head.bias': vector }, 'TENSOR_MISSHAPEN', '[100]'],
    [{ 'lm_head.dense.weight': vector }, 'TENSOR_MISSHAPEN', '[32, 32]'],
    [{ 'lm_head.decoder.weight': vector }, 'TENSOR_MISSHAPEN', '[100, 32]'],
  ])('with %j is refused', async (changes, code, text) => {
    await expect(changed(changes)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  });

  it('of another family, or none, is refused', async () => {
    const distilbert = await openFile(new URL('tiny-distilbert/mlm.safetensors', goldenFolder));
    await expect(createMlmHead(host, distilbert)).rejects.toMatchObject({
      code: 'MLM_HEAD_MISSING',
      message: expect.stringContaining('lm_head.dense.weight'),
    });
  });

  it('of the time of gamma and beta is read', async () => {
    const bert = await hostFrom(new URL('../test/tiny-bert/', goldenFolder));
    const file = await openFile(new URL('tiny-bert/mlm.safetensors', goldenFolder));
    const older = new Map<string, NamedArray>();
    for (const [name, { shape }] of file.tensors)
      if (name.startsWith('cls.'))
        older.set(name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'), {
          shape,
          data: await file.readFloat32(name),
        });
    const [now, then] = [await createMlmHead(bert, file), await createMlmHead(bert, memoryTensorSource(older))];
    const hidden = states();
    expect(await maxDifference(now.logits(hidden), then.logits(hidden))).toBe(0);
    now.dispose();
    then.dispose();
    bert.dispose();
  });
});

const adapterFolder = 'models/all-MiniLM-L6-v2-mlm-adapter/';
(hasShared(adapterFolder) ? describe : describe.skip)('MiniLM with a trained adapter and head', () => {
  it('gives the logits of HF peft at the masked word', async () => {
    const minilm = await hostFrom(minilmFolder);
    const head = await createMlmHead(
      minilm,
      await openFile(new URL(`${adapterFolder}mlm_head.safetensors`, sharedFolder)),
    );
    const adapter = await openFile(new URL(`${adapterFolder}adapter_model.safetensors`, sharedFolder));
    const transposed = async (name: string) => {
      const [rows, columns] = adapter.tensors.get(name)!.shape as [number, number];
      return tf.tensor2d(await adapter.readFloat32(name), [rows, columns]).transpose();
    };
    const deltas: Intervention[] = [];
    for (const { path, layer } of sitesOfKind(minilm.spec, 'linear')) {
      if (layer === undefined) continue;
      const stored = `base_model.model.bert.${path}`;
      const down = await transposed(`${stored}.lora_A.weight`);
      const up = await transposed(`${stored}.lora_B.weight`);
      deltas.push({ kind: 'lowRankDelta', path, down, up, scale: 2 });
    }
    const golden = await readGolden('minilm-mlm');
    const inputs = {
      inputIds: golden.get('input_ids') as tf.Tensor2D,
      attentionMask: golden.get('attention_mask') as tf.Tensor2D,
    };
    const { lastHiddenState } = minilm.forward(inputs, deltas, evaluationContext(minilm.spec, 2));
    const positions = golden.get('positions')!.reshape([2, 1]) as tf.Tensor2D;
    const tokenIds = [...(await golden.get('ids')!.data())];
    const logits = head.logits(lastHiddenState, { positions, tokenIds }).squeeze([1]);
    expect(await maxDifference(logits, golden.get('logits')!)).toBeLessThan(2e-5);
    head.dispose();
    minilm.dispose();
  });
});
