import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AdapterConfig, toAdapterHub } from '@tfjs-peft/adapter';
import { type Host, loadAdapter, readParameters, runAdapter, bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { createCatalogue } from '../src/methods/plugins.js';
import { readAdapterFolder } from '../src/run-folder/adapter-folder.js';

useTestBackend();

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Written by AdapterHub's library itself: tools/parity/make_adapter_hub_goldens.py. */
const golden = (path: string) => at(`goldens/adapter-hub/${path}`);
const { registry } = createCatalogue();
const readFolder = (path: string) => readAdapterFolder(golden(path));

interface Expected {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
  readonly logits: Record<string, number[][]>;
}
const readExpected = (name: string): Expected => JSON.parse(readFileSync(golden(`${name}/expected.json`), 'utf8'));

const hosts: Readonly<Record<string, string>> = {
  bert: 'test/tiny-bert',
  roberta: 'goldens/tiny-roberta',
  distilbert: 'goldens/tiny-distilbert',
};

async function openHost(name: string): Promise<Host> {
  const model = await openModelDirectory(at(`../../transformer/${hosts[name]}`));
  const host = await createHost({ config: model.config, tensors: model.tensors, name, onIgnored: () => {} });
  await model.close();
  return host;
}

describe.each(Object.keys(hosts))('adapters that AdapterHub wrote for a %s', (name) => {
  const { logits: wanted, ...inputs } = readExpected(name);
  let host: Host;
  beforeAll(async () => {
    host = await openHost(name);
  });
  afterAll(() => host.dispose());

  const batch = () => ({
    inputIds: tf.tensor2d(inputs.input_ids, undefined, 'int32'),
    attentionMask: tf.tensor2d(inputs.attention_mask, undefined, 'int32'),
  });

  it.each(Object.keys(wanted))('%s gives the logits that it gave there', async (adapterName) => {
    const adapter = await loadAdapter(await readFolder(`${name}/${adapterName}`), host, registry);
    const target = tf.tensor2d(wanted[adapterName]!);
    const apart = async (logits: tf.Tensor) => (await logits.sub(target).abs().max().data())[0]!;
    expect(await apart(runAdapter(host, adapter, batch()).logits!)).toBeLessThan(1e-5);
    // Its head alone gives others, so that the method counts.
    const headAlone = { ...adapter, method: adapter.method.parts!.find(({ type }) => type === 'HEAD')! };
    expect(await apart(runAdapter(host, headAlone, batch()).logits!)).toBeGreaterThan(1e-2);
  });

  it('knows what toAdapterHub writes: the same tensors under the same names, and no other entries', async () => {
    const files = await readFolder(`${name}/double-seq-bn`);
    const { method, effective } = await loadAdapter(files, host, registry);
    const { config } = method.parts!.find(({ type }) => type === 'BOTTLENECK_ADAPTER')!;
    const written = toAdapterHub(config as AdapterConfig, await readParameters(effective), host.spec, 'spam');
    const theirs = await openSafetensors(bytesSource('adapter', files.get('adapter.safetensors')!));
    expect([...written.tensors.keys()].sort()).toEqual([...theirs.tensors.keys()].sort());
    for (const [tensor, { shape, data }] of written.tensors) {
      expect(shape).toEqual(theirs.tensors.get(tensor)!.shape);
      expect(data).toEqual(await theirs.readFloat32(tensor));
    }
    const { config: entries } = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')!));
    expect(entries).toMatchObject(written.config.config as object);
  });
});

describe('what AdapterHub wrote and nothing here computes', () => {
  const refused = readdirSync(golden('bert/refused'));
  it.each(refused)('%s is refused', async (adapterName) => {
    const host = await openHost('bert');
    const code = expect.stringMatching(/^(ADAPTER_HUB_UNSUPPORTED|CONFIG_KEY_UNSUPPORTED)$/);
    await expect(loadAdapter(await readFolder(`bert/refused/${adapterName}`), host, registry)).rejects.toMatchObject({
      code,
    });
    host.dispose();
  });
});
