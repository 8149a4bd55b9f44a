import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  compose,
  composeDefinition,
  createRegistry,
  disposeParameters,
  head,
  headDefinition,
  type Host,
  loadAdapter,
  mergeAdapter,
  runAdapter,
  saveAdapter,
  tokenHead,
  tokenHeadDefinition,
  tokenHeadOf,
  tokenLogits,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';
import { largest, randomValues, smallHost, someInputs } from './small-host.js';

useTestBackend();

const registry = createRegistry(loraDefinition, headDefinition, composeDefinition, tokenHeadDefinition);
const tasks = [
  ['TOKEN_CLS', 'classifier', 3],
  ['QUESTION_ANS', 'qa_outputs', 2],
] as const;

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const method = (module: 'classifier' | 'qa_outputs', outputs: number) =>
  compose(
    lora({ rank: 2, targets: ['dense'], pooler: false }),
    tokenHead({ module, labels: Array.from({ length: outputs }, (_, i) => `l${i}`) }),
  );

/** A folder as HF peft writes it, without our record. */
async function folderOf(task: string, module: 'classifier' | 'qa_outputs', outputs: number) {
  const whole = method(module, outputs);
  const adapter = {
    method: whole,
    effective: randomValues(whole, host.spec),
    hostFingerprint: host.spec.fingerprint,
  };
  const saved = await saveAdapter(adapter, host, { extraConfig: { task_type: task } });
  const files: AdapterFiles = new Map([...saved].filter(([name]) => name !== 'tfjs_peft.json'));
  return { adapter, files };
}

const configOf = (files: AdapterFiles) => JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')));

describe('heads of single tokens', () => {
  it.each(tasks)(
    'of %s are loaded, give logits for every token, and are saved again',
    async (task, module, outputs) => {
      const { adapter, files } = await folderOf(task, module, outputs);
      expect(configOf(files)).toMatchObject({ task_type: task, modules_to_save: [module] });
      const { extraConfig, ...loaded } = await loadAdapter(files, host, registry);
      expect(tokenHeadOf(loaded.method)?.config.module).toBe(module);
      const logits = tokenLogits(host, loaded, someInputs());
      const { lastHiddenState } = runAdapter(host, adapter, someInputs());
      const [weight, bias] = ['weight', 'bias'].map((part) => adapter.effective.get(`token-head.${part}`)!);
      const expected = tf
        .matMul(lastHiddenState.reshape([8, 8]), weight!, false, true)
        .add(bias!)
        .reshape([2, 4, outputs]);
      expect(logits.shape).toEqual([2, 4, outputs]);
      expect(await largest(logits.sub(expected))).toBeLessThan(1e-6);
      const { host: merged, rest } = await mergeAdapter(host, loaded);
      expect(await largest(tokenLogits(merged, rest!, someInputs()).sub(expected))).toBeLessThan(1e-5);
      const again = await saveAdapter(loaded, host, { extraConfig });
      expect(again.get('adapter_model.safetensors')).toEqual(files.get('adapter_model.safetensors'));
      expect(configOf(again)).toEqual(configOf(files));
      const reloaded = await loadAdapter(again, host, registry);
      expect(tokenHeadOf(reloaded.method)?.config.labels).toHaveLength(outputs);
      merged.dispose();
      for (const { effective } of [adapter, loaded, reloaded]) disposeParameters(effective);
    },
  );

  it('that are not in the file are missed by name', async () => {
    const { files } = await folderOf('TOKEN_CLS', 'qa_outputs', 2);
    await expect(loadAdapter(files, host, registry)).rejects.toMatchObject({ code: 'HEAD_UNSUPPORTED' });
    const config = { ...configOf(files), task_type: 'QUESTION_ANS' };
    const right = new Map(files).set('adapter_config.json', new TextEncoder().encode(JSON.stringify(config)));
    expect((await loadAdapter(right, host, registry)).method.parts).toHaveLength(2);
  });

  it('are asked of an adapter that has one', async () => {
    const whole = compose(lora({ rank: 2 }), head({ labels: ['a', 'b'] }));
    const adapter = {
      method: whole,
      effective: randomValues(whole, host.spec),
      hostFingerprint: host.spec.fingerprint,
    };
    expect(() => tokenLogits(host, adapter, someInputs())).toThrow('an adapter without a head for single tokens');
    disposeParameters(adapter.effective);
  });
});
