import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  type AdapterFiles,
  choiceLogits,
  compose,
  composeDefinition,
  createRegistry,
  createStream,
  head,
  headDefinition,
  type Host,
  initialValues,
  inspectAdapter,
  loadAdapter,
  mergeAdapter,
  type PeftMethod,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { createRandomHost, type ModelType, saveHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';

useTestBackend();

// Numbers against HF peft on six architectures: npm run parity -- choices-bert
const registry = createRegistry(loraDefinition, headDefinition, composeDefinition);
const mapping = { base_model_class: 'BertForMultipleChoice', parent_library: 'transformers' };
const method = (readout: 'pooler' | 'cls' = 'pooler') =>
  compose(lora({ rank: 2 }), head({ labels: ['choice'], choices: true, readout }));

function trained(made: PeftMethod, host: Host): Adapter {
  const raw = toParameters(initialValues(made.plan(host.spec), createStream(4)));
  const effective = [...raw].map(
    ([name, tensor], i) => [name, tensor.add(tf.randomNormal(tensor.shape, 0, 0.3, 'float32', i + 1))] as const,
  );
  return { method: made, effective: new Map(effective), hostFingerprint: host.spec.fingerprint };
}
const inputs = () => ({
  inputIds: tf.tensor2d([5, 6, 7, 8, 9, 10, 11, 12], [4, 2], 'int32'),
  attentionMask: tf.ones([4, 2], 'int32') as tf.Tensor2D,
});
const configOf = (files: AdapterFiles) =>
  JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))) as Record<string, unknown>;

describe('heads for the choices of a question', () => {
  let host: Host;
  let adapter: Adapter;
  let files: AdapterFiles;
  beforeAll(async () => {
    host = await createRandomHost();
    adapter = trained(method(), host);
    const saved = await saveAdapter(adapter, host, { extraConfig: { auto_mapping: mapping, task_type: null } });
    expect(JSON.parse(new TextDecoder().decode(saved.get('tfjs_peft.json')))).toMatchObject({ differences: [] });
    files = new Map([...saved].filter(([name]) => name !== 'tfjs_peft.json'));
  });
  afterAll(() => host.dispose());

  it('are written as HF peft writes them and read again with the same scores', async () => {
    expect(configOf(files)).toMatchObject({ task_type: null, auto_mapping: mapping });
    expect(configOf(files)['modules_to_save']).toContain('classifier');
    const { extraConfig, ...loaded } = await loadAdapter(files, host, registry);
    const logits = choiceLogits(host, loaded, inputs(), 2);
    expect(logits.shape).toEqual([2, 2]);
    const plain = await runAdapter(host, adapter, inputs()).logits!.data();
    expect([...(await logits.data())]).toEqual([...plain]);
    expect(new Set(plain).size).toBe(4);
    const again = await saveAdapter(loaded, host, { extraConfig });
    expect(configOf(again)).toEqual(configOf(files));
  });

  it('can be inspected, and are no head of texts', async () => {
    const summary = await inspectAdapter(files, { registry });
    expect(summary).toMatchObject({ baseClass: 'BertForMultipleChoice' });
    expect(summary.notLoadable).toBeUndefined();
    expect(() => choiceLogits(host, adapter, inputs(), 3)).toThrow(expect.objectContaining({ code: 'CHOICES_UNEVEN' }));
    const other = trained(compose(lora({ rank: 2 }), head({ labels: ['score'] })), host);
    expect(() => choiceLogits(host, other, inputs(), 2)).toThrow(expect.objectContaining({ code: 'HEAD_MISSING' }));
  });

  it('come from the model where the adapter has none, and are never written as a classifier of texts', async () => {
    const bare = new Map(
      await saveAdapter(
        {
          ...adapter,
          method: adapter.method.parts![0]!,
          effective: new Map([...adapter.effective].filter(([name]) => name.startsWith('lora.'))),
        },
        host,
        { extraConfig: { auto_mapping: mapping, task_type: null } },
      ),
    );
    bare.delete('tfjs_peft.json');
    const floats = async (name: string) => {
      const tensor = adapter.effective.get(name)!;
      return { shape: [...tensor.shape], data: (await tensor.data()) as Float32Array };
    };
    const hostHead = new Map([
      ['classifier.weight', await floats('head.classifier.weight')],
      ['classifier.bias', await floats('head.classifier.bias')],
    ]);
    const loaded = await loadAdapter(bare, host, registry, { hostHead });
    const scores = await choiceLogits(host, loaded, inputs(), 4).data();
    expect([...scores]).toEqual([...(await runAdapter(host, adapter, inputs()).logits!.data())]);
    const merged = await mergeAdapter(host, adapter);
    await expect(saveHost(merged.host, { config: {}, head: merged.rest })).rejects.toMatchObject({
      code: 'HEAD_NOT_IN_HF',
    });
    merged.host.dispose();
  });

  it.each<[ModelType, string]>([
    ['electra', 'has no pooler'],
    ['distilbert', ''],
    ['mpnet', ''],
  ])('on %s', async (modelType, reason) => {
    const other = await createRandomHost({ modelType });
    const readout = modelType === 'mpnet' ? 'pooler' : 'cls';
    const own = trained(method(readout), other);
    const saving = saveAdapter(own, other);
    if (reason) {
      const error = { code: 'TASK_UNSUPPORTED', message: expect.stringContaining(reason) };
      await expect(saving).rejects.toMatchObject(error);
    } else if (readout === 'pooler') {
      const loaded = await loadAdapter(await saving, other, registry);
      const scores = await choiceLogits(other, loaded, inputs(), 2).data();
      expect([...scores]).toEqual([...(await runAdapter(other, own, inputs()).logits!.data())]);
    } else expect((await saving).has('adapter_config.json')).toBe(true);
    other.dispose();
  });
});
