import { evaluationContext, type Host, type HostInputs, sitesOfKind } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { classifierOf, goldenFolder, hostFrom, maxDifference, openFile, readGolden } from '../../test/test-hosts.js';
import { createMlmHead } from '../mlm/create-mlm-head.js';
import type { EncoderHost } from '../encoder/create-host.js';

useTestBackend();

/** Largest difference to HF transformers, as promised. */
const tolerance = 2e-5;
const virtual = 4;

describe.each(['tiny-roberta', 'tiny-xlm-roberta', 'tiny-distilbert'])('parity with HF transformers: %s', (name) => {
  const folder = new URL(`${name}/`, goldenFolder);
  let host: EncoderHost;
  let golden: Map<string, tf.Tensor>;
  let classifier: Intervention;
  beforeAll(async () => {
    host = await hostFrom(folder);
    golden = await readGolden(name);
    classifier = await classifierOf(host, new URL('model.safetensors', folder));
  });
  afterAll(() => host.dispose());

  const inputsOf = (text: string): HostInputs => ({
    inputIds: golden.get(`${text}.input_ids`) as tf.Tensor2D,
    attentionMask: golden.get(`${text}.attention_mask`) as tf.Tensor2D,
  });
  const run = (inputs: HostInputs, interventions: readonly Intervention[] = [], on: Host = host) =>
    on.forward(inputs, interventions, evaluationContext(on.spec, inputs.inputIds.shape[0]));
  const texts = ['single', 'pairs', 'odd'];

  it.each(texts)('hidden states at text: %s', async (text) => {
    const inputs = inputsOf(text);
    const isText = inputs.attentionMask.toFloat().expandDims(2);
    const { lastHiddenState } = run(inputs);
    const expected = golden.get(`${text}.last_hidden_state`)!;
    expect(await maxDifference(lastHiddenState.mul(isText), expected.mul(isText))).toBeLessThan(tolerance);
  });

  it.each(texts)('logits of the classifier: %s', async (text) => {
    const { logits } = run(inputsOf(text), [classifier]);
    expect(await maxDifference(logits!, golden.get(`${text}.logits`)!)).toBeLessThan(tolerance);
  });

  it.each(texts)('logits of the masked language model: %s', async (text) => {
    const mlm = await createMlmHead(host, await openFile(new URL('mlm.safetensors', folder)));
    const inputs = inputsOf(text);
    const isText = inputs.attentionMask.toFloat().expandDims(2);
    const difference = mlm
      .logits(run(inputs).lastHiddenState)
      .sub(golden.get(`${text}.mlm_logits`)!)
      .mul(isText);
    expect((await difference.abs().max().data())[0]).toBeLessThan(tolerance);
    mlm.dispose();
  });

  it('a prompt trained in HF peft', async () => {
    const prompt: Intervention = { kind: 'tokenPrefix', embeddings: golden.get('prompt.embeddings')! };
    const { logits } = run(inputsOf('pairs'), [prompt, classifier]);
    expect(await maxDifference(logits!, golden.get('prompt.logits')!)).toBeLessThan(tolerance);
  });

  it('a prefix trained in HF peft, with shifted positions, where peft has prefixes', async () => {
    const stored = golden.get('prefix.embeddings');
    // peft refuses DistilBERT, so there is nothing to agree with.
    expect(stored === undefined).toBe(name === 'tiny-distilbert');
    if (!stored) return;
    const slots = tf.unstack(stored.reshape([virtual, 4, 4, 8]).transpose([1, 2, 0, 3]));
    const logitsWith = (positions: 'none' | 'shift') => {
      const prefix = sitesOfKind(host.spec, 'attention').map(({ path }, layer): Intervention => ({
        kind: 'keyValuePrefix',
        path,
        keys: slots[2 * layer]!,
        values: slots[2 * layer + 1]!,
        positions,
      }));
      return run(inputsOf('pairs'), [...prefix, classifier]).logits!;
    };
    expect(await maxDifference(logitsWith('shift'), golden.get('prefix.logits')!)).toBeLessThan(tolerance);
    expect(await maxDifference(logitsWith('none'), golden.get('prefix.logits')!)).toBeGreaterThan(1e-2);
  });

  it('does not read token types, of which it has at most one', async () => {
    const inputs = inputsOf('pairs');
    const typed = { ...inputs, tokenTypeIds: tf.onesLike(inputs.inputIds) };
    expect(await maxDifference(run(typed).lastHiddenState, run(inputs).lastHiddenState)).toBe(0);
  });
});

describe('the masked language model of BERT', () => {
  it('agrees with HF transformers', async () => {
    const host = await hostFrom(new URL('../test/tiny-bert/', goldenFolder));
    const mlm = await createMlmHead(host, await openFile(new URL('tiny-bert/mlm.safetensors', goldenFolder)));
    const golden = await readGolden('tiny-bert');
    for (const text of ['single', 'pairs']) {
      const at = (key: string) => golden.get(`${text}.${key}`) as tf.Tensor2D;
      const inputs = {
        inputIds: at('input_ids'),
        attentionMask: at('attention_mask'),
        tokenTypeIds: at('token_type_ids'),
      };
      const { lastHiddenState } = host.forward(inputs, [], evaluationContext(host.spec, inputs.inputIds.shape[0]));
      expect(await maxDifference(mlm.logits(lastHiddenState), at('mlm_logits'))).toBeLessThan(tolerance);
    }
    mlm.dispose();
    host.dispose();
  });
});
