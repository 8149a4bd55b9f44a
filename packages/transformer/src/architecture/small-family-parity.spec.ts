import { evaluationContext, type HostInputs, sitesOfKind } from '@tfjs-peft/peft-core';
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
const families = ['electra', 'camembert', 'mpnet', 'albert', 'deberta-v2', 'deberta-v2-apart', 'modernbert'] as const;

describe.each(families)('parity with HF transformers: tiny-%s', (name) => {
  const folder = new URL(`tiny-${name}/`, goldenFolder);
  let host: EncoderHost;
  let golden: Map<string, tf.Tensor>;
  let classifier: Intervention;
  beforeAll(async () => {
    host = await hostFrom(folder);
    golden = await readGolden(`tiny-${name}`);
    classifier = await classifierOf(host, new URL('model.safetensors', folder));
  });
  afterAll(() => host.dispose());

  const inputsOf = (text: string): HostInputs => ({
    inputIds: golden.get(`${text}.input_ids`) as tf.Tensor2D,
    attentionMask: golden.get(`${text}.attention_mask`) as tf.Tensor2D,
  });
  const run = (inputs: HostInputs, ...interventions: readonly Intervention[]) =>
    host.forward(inputs, interventions, evaluationContext(host.spec, inputs.inputIds.shape[0]));
  const onText = (states: tf.Tensor, { attentionMask }: HostInputs) =>
    states.mul(attentionMask.toFloat().expandDims(2));

  it.each(['single', 'pairs', 'odd', 'long'])('hidden states and logits of the classifier: %s', async (text) => {
    const inputs = inputsOf(text);
    const { lastHiddenState, logits } = run(inputs, classifier);
    const expected = golden.get(`${text}.last_hidden_state`)!;
    expect(await maxDifference(onText(lastHiddenState, inputs), onText(expected, inputs))).toBeLessThan(tolerance);
    // Padding in the first place: in HF's DeBERTa, and where windows are, padding looks at padding, in the others at the text alone.
    const isRead = /^(deberta|modern)/.test(name)
      ? inputs.attentionMask.slice([0, 0], [-1, 1]).toFloat()
      : tf.scalar(1);
    const wanted = golden.get(`${text}.logits`)!;
    expect(await maxDifference(logits!.mul(isRead), wanted.mul(isRead))).toBeLessThan(tolerance);
  });

  it('the same without computing padding', async () => {
    const { inputIds, attentionMask } = inputsOf('pairs');
    const open = [...(await attentionMask.data())].flatMap((value, place) => (value === 1 ? [place] : []));
    const { logits } = run({ inputIds, attentionMask, textPositions: tf.tensor1d(open, 'int32') }, classifier);
    expect(await maxDifference(logits!, golden.get('pairs.logits')!)).toBeLessThan(tolerance);
  });

  it('logits of the masked language model', async () => {
    const mlm = await createMlmHead(host, await openFile(new URL('mlm.safetensors', folder)));
    const inputs = inputsOf('pairs');
    const logits = mlm.logits(run(inputs).lastHiddenState);
    const expected = golden.get('pairs.mlm_logits')!;
    expect(await maxDifference(onText(logits, inputs), onText(expected, inputs))).toBeLessThan(tolerance);
    mlm.dispose();
  });

  it('a prefix changes what attention gives', async () => {
    const shape = sitesOfKind(host.spec, 'attention').map(({ heads, headSize }) => [heads, 2, headSize] as const)[0]!;
    const prefix = (value: number): Intervention => ({
      kind: 'keyValuePrefix',
      path: sitesOfKind(host.spec, 'attention')[0]!.path,
      keys: tf.fill([...shape], value),
      values: tf.ones([...shape]),
      positions: 'none',
    });
    const plain = run(inputsOf('single')).lastHiddenState;
    expect(await maxDifference(run(inputsOf('single'), prefix(0)).lastHiddenState, plain)).toBeGreaterThan(1e-2);
  });
});
