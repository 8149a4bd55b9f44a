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
  bytesSource,
  openSafetensors,
} from '@tfjs-peft/peft-core';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { layerNormTuning, layerNormTuningDefinition } from '../src/index.js';

useTestBackend();

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const registry = createRegistry(layerNormTuningDefinition, headDefinition, composeDefinition);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const jsonOf = (files: AdapterFiles, name: string) => JSON.parse(new TextDecoder().decode(files.get(name)));

async function valuesOf(files: AdapterFiles): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const values = new Map<string, Float32Array>();
  for (const name of file.tensors.keys()) values.set(name, await file.readFloat32(name));
  return values;
}
const frozenPath = (name: string) => name.replace('base_model.model.bert.', '').replace('.ln_tuning_layers', '');

let host: Host;
let files: AdapterFiles;
let expected: { input_ids: number[][]; attention_mask: number[][]; base_logits: number[][]; logits: number[][] };
beforeAll(async () => {
  const model = await openModelDirectory(at('../../transformer/test/tiny-bert'));
  host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });
  await model.close();
  const read = async (name: string) => new Uint8Array(await readFile(at(`goldens/hf-ln/${name}`)));
  files = new Map([
    [configName, await read(configName)],
    [tensorsName, await read(tensorsName)],
  ]);
  expected = JSON.parse(await readFile(at('goldens/hf-ln/expected.json'), 'utf8'));
});
afterAll(() => host.dispose());

const inputs = () => ({
  inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
  attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
});
const distance = async (logits: tf.Tensor, target: number[][]) =>
  Math.max(...(await logits.sub(tf.tensor2d(target)).abs().data()));

describe('LN tuning of HF peft', () => {
  it('gives the logits that HF peft gave', async () => {
    const { logits } = runAdapter(host, await loadAdapter(files, host, registry), inputs());
    expect(await distance(logits!, expected.logits)).toBeLessThan(1e-5);
    expect(await distance(logits!, expected.base_logits)).toBeGreaterThan(1e-2);
  });

  it('is stored again within a rounding of the frozen values, and from then on to the bit', async () => {
    const { extraConfig, ...adapter } = await loadAdapter(files, host, registry);
    const first = await saveAdapter(adapter, host, { extraConfig });
    expect(jsonOf(first, configName)).toEqual(jsonOf(files, configName));
    expect(jsonOf(first, 'tfjs_peft.json').differences).toEqual([]);
    const [before, after] = [await valuesOf(files), await valuesOf(first)];
    expect(after.size).toBe(before.size);
    for (const [name, stored] of before) {
      // Differences are single precision: none of them gives all bits of a value that is smaller than the frozen one.
      const frozen = name.includes('ln_tuning') ? await host.weight(frozenPath(name)).data() : stored;
      const bounds = stored.map((value, i) => 2 ** -23 * Math.max(Math.abs(value), Math.abs(frozen[i]!)));
      after.get(name)!.forEach((value, i) => expect(Math.abs(value - stored[i]!)).toBeLessThanOrEqual(bounds[i]!));
    }
    const second = await saveAdapter(await loadAdapter(first, host, registry), host);
    expect(second.get(tensorsName)).toEqual(first.get(tensorsName));
  });
});

describe('LN tuning of ours', () => {
  it('loads as a folder of HF peft and saves the same again', async () => {
    const method = compose(
      layerNormTuning({ initialStandardDeviation: 0.3 }),
      head({ labels: ['LABEL_0', 'LABEL_1', 'LABEL_2'], readout: 'pooler' }),
    );
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(2)));
    const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const saved = await saveAdapter(adapter, host);
    expect(jsonOf(saved, configName)).toMatchObject({ target_modules: ['LayerNorm'], peft_type: 'LN_TUNING' });
    const foreign = new Map([...saved].filter(([name]) => name !== 'tfjs_peft.json'));
    const loaded = await loadAdapter(foreign, host, registry);
    const logits = (await runAdapter(host, adapter, inputs()).logits!.array()) as number[][];
    expect(await distance(runAdapter(host, loaded, inputs()).logits!, logits)).toBe(0);
    const again = await saveAdapter(loaded, host);
    for (const name of [configName, tensorsName]) expect(again.get(name)).toEqual(saved.get(name));
  });
});
