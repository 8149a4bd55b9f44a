import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  compose,
  composeDefinition,
  createRegistry,
  createStream,
  head,
  headDefinition,
  type Host,
  initialValues,
  loadAdapter,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { ia3, ia3Definition } from '../src/index.js';

useTestBackend();

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const registry = createRegistry(ia3Definition, headDefinition, composeDefinition);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const jsonOf = (files: AdapterFiles, name: string) => JSON.parse(new TextDecoder().decode(files.get(name)));

let host: Host;
let files: AdapterFiles;
let expected: { input_ids: number[][]; attention_mask: number[][]; base_logits: number[][]; logits: number[][] };
beforeAll(async () => {
  const model = await openModelDirectory(at('../../transformer/test/tiny-bert'));
  host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });
  await model.close();
  const read = async (name: string) => new Uint8Array(await readFile(at(`goldens/hf-ia3/${name}`)));
  files = new Map([
    [configName, await read(configName)],
    [tensorsName, await read(tensorsName)],
  ]);
  expected = JSON.parse(await readFile(at('goldens/hf-ia3/expected.json'), 'utf8'));
});
afterAll(() => host.dispose());

const inputs = () => ({
  inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
  attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
});
const distance = async (logits: tf.Tensor, target: number[][]) =>
  Math.max(...(await logits.sub(tf.tensor2d(target)).abs().data()));

describe('an IA3 adapter of HF peft', () => {
  it('gives the logits that HF peft gave', async () => {
    const { logits } = runAdapter(host, await loadAdapter(files, host, registry), inputs());
    expect(await distance(logits!, expected.logits)).toBeLessThan(1e-5);
    expect(await distance(logits!, expected.base_logits)).toBeGreaterThan(1e-2);
  });

  it('has gates before attention.output.dense too: without them the logits are others', async () => {
    const adapter = await loadAdapter(files, host, registry);
    const gate = 'ia3.encoder.layer.0.attention.output.dense.gate';
    expect(adapter.effective.get(gate)!.shape).toEqual([32]);
    const effective = new Map([...adapter.effective, [gate, tf.ones([32])]]);
    expect(
      await distance(runAdapter(host, { ...adapter, effective }, inputs()).logits!, expected.logits),
    ).toBeGreaterThan(1e-3);
  });

  it('is the same to the bit when saved again, configuration and tensors', async () => {
    const { extraConfig, ...adapter } = await loadAdapter(files, host, registry);
    const saved = await saveAdapter(adapter, host, { extraConfig });
    expect(Buffer.from(saved.get(tensorsName)!).equals(Buffer.from(files.get(tensorsName)!))).toBe(true);
    expect(jsonOf(saved, configName)).toEqual(jsonOf(files, configName));
    expect(jsonOf(saved, 'tfjs_peft.json').differences).toEqual([]);
  });
});

describe('an IA3 adapter of ours', () => {
  it('loads as a folder of HF peft and saves the same again', async () => {
    const method = compose(
      ia3({ initialStandardDeviation: 0.3 }),
      head({ labels: ['LABEL_0', 'LABEL_1', 'LABEL_2'], readout: 'pooler' }),
    );
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(2)));
    const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const saved = await saveAdapter(adapter, host);
    expect(jsonOf(saved, configName)).toMatchObject({
      feedforward_modules: '(.*\\.)?(encoder\\.layer\\.\\d+\\.output\\.dense)',
      peft_type: 'IA3',
    });
    const foreign = new Map([...saved].filter(([name]) => name !== 'tfjs_peft.json'));
    const loaded = await loadAdapter(foreign, host, registry);
    const logits = (await runAdapter(host, adapter, inputs()).logits!.array()) as number[][];
    expect(await distance(runAdapter(host, loaded, inputs()).logits!, logits)).toBe(0);
    const again = await saveAdapter(loaded, host);
    for (const name of [configName, tensorsName]) expect(again.get(name)).toEqual(saved.get(name));
  });
});
