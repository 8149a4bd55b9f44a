import { compose, evaluationContext } from '@tfjs-peft/peft-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fileURLToPath } from 'node:url';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { type DecoderHost, generate, loadHost, requireDecoder, type Tokenizer } from '../src/index.js';
import { maxDifference, readGolden } from './test-hosts.js';

useTestBackend();

/** Largest difference to HF transformers, as promised. */
const tolerance = 2e-5;
/** The text of tools/parity/make_decoder_goldens.py. */
const text = `It was a dark night, and the old house by the sea was quiet. "Who's there?" he asked;\nnobody answered - 1,234 times.`;

describe('parity with HF transformers: the embedded causal host', () => {
  let host: DecoderHost;
  let tokenizer: Tokenizer;
  let golden: Map<string, tf.Tensor>;
  let ids: number[];
  beforeAll(async () => {
    const loaded = await loadHost(fileURLToPath(new URL('../../minigpt/model/', import.meta.url)));
    host = requireDecoder(loaded.host);
    ({ tokenizer } = loaded);
    golden = await readGolden('minigpt');
    ids = [...(await golden.get('input_ids')!.data())];
  });
  afterAll(() => {
    host.dispose();
    tf.dispose([...golden.values()]);
  });

  it('tokens of a text, and back', () => {
    expect(tokenizer.encode(text).inputIds).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('hidden states and logits', async () => {
    const inputIds = golden.get('input_ids') as tf.Tensor2D;
    const inputs = { inputIds, attentionMask: tf.onesLike(inputIds) };
    const { lastHiddenState, outputEmbeddings } = host.forward(inputs, [], evaluationContext(host.spec, 1));
    expect(await maxDifference(lastHiddenState, golden.get('last_hidden_state')!)).toBeLessThan(tolerance);
    const expected = golden.get('last_logits')!;
    const [, count] = expected.shape as [number, number, number];
    const last = lastHiddenState.slice([0, ids.length - count, 0]).reshape<tf.Tensor2D>([count, -1]);
    const logits = tf.matMul(last, outputEmbeddings!.table, false, true).expandDims(0);
    // They reach 11, sums of 256 products: what two orders of adding differ by grows with that.
    const largest = (await expected.abs().max().data())[0]!;
    expect(await maxDifference(logits, expected)).toBeLessThan(4e-6 * largest);
  });

  it('what greedy search adds', async () => {
    const [found] = await generate({
      ...{ host, method: compose(), effective: new Map(), prompts: [ids] },
      settings: { maxNewTokens: 20 },
    });
    const greedy = [...(await golden.get('greedy')!.data())];
    expect(found!.ids).toEqual(greedy.slice(0, found!.ids.length));
    expect(found!.ids.length).toBeGreaterThan(10);
  });
});
