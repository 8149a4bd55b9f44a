import { evaluationContext, type Host, padBatch } from '@tfjs-peft/peft-core';
import type { TokenPrefix } from '@tfjs-peft/peft-core/interventions';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import {
  hasShared,
  hostFrom,
  maxDifference,
  openFile,
  readJson,
  sharedFolder,
  someInputs,
  tinyClassifier,
} from '../../test/test-hosts.js';
import { createRandomHost } from './create-random-host.js';

useTestBackend();

const prompt = (shape: number[], seed = 1): TokenPrefix => ({
  kind: 'tokenPrefix',
  embeddings: tf.randomNormal(shape, 0, 1, 'float32', seed),
});
const hiddenStates = (host: Host, prompts: readonly TokenPrefix[], batch = 3) =>
  host.forward(someInputs(batch), prompts, evaluationContext(host.spec, batch)).lastHiddenState;

(hasShared('peft-fixtures/adapters/prompt/') ? describe : describe.skip)('prompts trained in HF peft', () => {
  it.each(['prompt', 'ptuning'])('%s: the logits of HF peft', async (name) => {
    const folder = new URL(`peft-fixtures/adapters/${name}/`, sharedFolder);
    const host = await hostFrom(new URL('peft-fixtures/base/', sharedFolder));
    const expected = await readJson(new URL('peft-fixtures/expected.json', sharedFolder));
    const file = await openFile(new URL('adapter_model.safetensors', folder));
    const rows: TokenPrefix = {
      kind: 'tokenPrefix',
      embeddings: tf.tensor2d(await file.readFloat32('prompt_embeddings'), [5, 32]),
    };
    const classifier = await tinyClassifier(folder, 'adapter_model.safetensors', 'base_model.');
    const inputs = {
      inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
      attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
    };
    const { logits } = host.forward(inputs, [rows, classifier], evaluationContext(host.spec, 3));
    expect(await maxDifference(logits!, tf.tensor2d(expected.cases[name].logits))).toBeLessThan(1e-5);
    host.dispose();
  });
});

describe('prompts', () => {
  it('with the rows of words act as these words before the text', async () => {
    const host = await createRandomHost();
    const { inputIds, attentionMask, tokenTypeIds } = someInputs();
    const words = tf.tensor2d([8, 9, 8, 9, 8, 9], [3, 2], 'int32');
    const longer = {
      inputIds: tf.concat([words, inputIds], 1),
      attentionMask: tf.concat([words.onesLike(), attentionMask], 1),
      tokenTypeIds: tf.concat([words.zerosLike(), tokenTypeIds], 1),
    };
    const context = evaluationContext(host.spec, 3);
    const embeddings = tf.gather(host.weight('embeddings.word_embeddings.weight'), tf.tensor1d([8, 9], 'int32'));
    const { lastHiddenState } = host.forward(longer, [], context);
    expect(
      await maxDifference(hiddenStates(host, [{ kind: 'tokenPrefix', embeddings }]), lastHiddenState),
    ).toBeLessThan(1e-6);
    host.dispose();
  });

  it('may differ from example to example and join in order', async () => {
    const host = await createRandomHost();
    const each = prompt([3, 2, 32]);
    const shared = prompt([1, 32], 2);
    const together = hiddenStates(host, [each, shared]);
    expect(together.shape).toEqual([3, 10, 32]);
    for (let row = 0; row < 3; row++) {
      const own = { ...each, embeddings: tf.unstack(each.embeddings)[row]! };
      const alone = hiddenStates(host, [own, shared]).slice([row, 0, 0], [1, -1, -1]);
      expect(await maxDifference(together.slice([row, 0, 0], [1, -1, -1]), alone)).toBeLessThan(1e-5);
    }
    host.dispose();
  });

  it('count as first tokens for cls and pooler and not at all for the mean', async () => {
    const host = await createRandomHost();
    const { attentionMask } = someInputs();
    const hidden = hiddenStates(host, [prompt([2, 32])]);
    const first = hidden.slice([0, 0, 0], [-1, 1, -1]).reshape([3, 32]);
    expect(await maxDifference(host.readOut(hidden, attentionMask, 'cls'), first)).toBe(0);
    const text = hidden.slice([0, 2, 0], [-1, -1, -1]) as tf.Tensor3D;
    const mean = host.readOut(text, attentionMask, 'mean');
    expect(await maxDifference(host.readOut(hidden, attentionMask, 'mean'), mean)).toBeLessThan(1e-6);
    host.dispose();
  });

  it('take positions from the text', async () => {
    const host = await createRandomHost({ maxPositionEmbeddings: 8 });
    expect(hiddenStates(host, [prompt([1, 32])]).shape).toEqual([3, 8, 32]);
    expect(() => hiddenStates(host, [prompt([2, 32])])).toThrow(expect.objectContaining({ code: 'TEXT_TOO_LONG' }));
    host.dispose();
  });

  it('leave texts all positions that are left, however the batch is padded', async () => {
    const host = await createRandomHost({ maxPositionEmbeddings: 16 });
    const statesOf = (tokens: number, multipleOf: number) => {
      const inputIds = Array.from({ length: tokens }, (_, token) => 5 + token);
      const inputs = padBatch([{ inputIds, tokenTypeIds: inputIds.map(() => 0) }], host.spec.padTokenId, {
        multipleOf,
      });
      const context = evaluationContext(host.spec, 1);
      return host.forward(inputs, [prompt([3, 32])], context).lastHiddenState;
    };
    const padded = statesOf(13, 8).slice([0, 0, 0], [1, 16, 32]);
    expect(await maxDifference(padded, statesOf(13, 1))).toBeLessThan(1e-6);
    expect(() => statesOf(14, 1)).toThrow(expect.objectContaining({ code: 'TEXT_TOO_LONG' }));
    host.dispose();
  });
});
