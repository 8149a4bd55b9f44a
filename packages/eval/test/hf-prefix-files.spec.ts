import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
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
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { prefix, prefixDefinition } from '@tfjs-peft/prefix';
import { subspace, subspaceDefinition } from '@tfjs-peft/subspace';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { fileURLToPath } from 'node:url';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const registry = createRegistry(prefixDefinition, headDefinition, composeDefinition, subspaceDefinition);
const readAdapter = async (name: string): Promise<AdapterFiles> =>
  new Map(
    await Promise.all(
      ['adapter_config.json', 'adapter_model.safetensors'].map(
        async (file) => [file, new Uint8Array(await readFile(at(`goldens/${name}/${file}`)))] as const,
      ),
    ),
  );

let host: Host;
let expected: {
  input_ids: number[][];
  attention_mask: number[][];
  base_logits: number[][];
  logits: Record<string, number[][]>;
};
beforeAll(async () => {
  const model = await openModelDirectory(at('../../transformer/test/tiny-bert'));
  host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });
  await model.close();
  expected = JSON.parse(await readFile(at('goldens/peft-expected.json'), 'utf8'));
});

const inputs = () => ({
  inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
  attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
});
const largestDifference = async (logits: tf.Tensor, target: number[][]) =>
  Math.max(...(await logits.sub(tf.tensor2d(target)).abs().data()));

describe('prefix adapters of HF peft', () => {
  it.each(['peft-prefix', 'peft-prefix-projection'])('%s gives the logits that HF peft gave', async (name) => {
    const adapter = await loadAdapter(await readAdapter(name), host, registry);
    const { logits } = runAdapter(host, adapter, inputs());
    expect(await largestDifference(logits!, expected.logits[name]!)).toBeLessThan(1e-5);
    expect(await largestDifference(logits!, expected.base_logits)).toBeGreaterThan(1e-2);
  });

  it('keep their tensors to the bit when saved again', async () => {
    const files = await readAdapter('peft-prefix');
    const adapter = await loadAdapter(files, host, registry);
    const saved = await saveAdapter(adapter, host);
    expect(
      Buffer.from(saved.get('adapter_model.safetensors')!).equals(Buffer.from(files.get('adapter_model.safetensors')!)),
    ).toBe(true);
    const again = await loadAdapter(saved, host, registry);
    expect(await runAdapter(host, again, inputs()).logits!.data()).toEqual(
      await runAdapter(host, adapter, inputs()).logits!.data(),
    );
  });
});

describe('T13: a simplex in files', () => {
  const method = subspace(
    compose(
      prefix({ prefixLength: 4, mlpHiddenSize: 6, initialStandardDeviation: 0.5 }),
      head({ labels: ['a', 'b', 'c'], readout: 'mean' }),
    ),
    { vertices: 3 },
  );

  it('is its midpoint for everybody and all its vertices for us', async () => {
    const effective = effectiveParameters(
      method,
      toParameters(initialValues(method.plan(host.spec), createStream(2))),
      host.spec,
    );
    const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const files = await saveAdapter(adapter, host);
    expect([...files.keys()].sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'tfjs_peft.json',
      'vertices.safetensors',
    ]);
    const midpoint = await loadAdapter(files, host, registry);
    expect(midpoint.method.type).toBe('COMPOSE');
    const simplex = await loadAdapter(files, host, registry, { unfolded: true });
    expect(simplex.method.type).toBe('SUBSPACE');
    for (const [name, tensor] of effective)
      expect(await simplex.effective.get(name)!.data()).toEqual(await tensor.data());
    const logits = await runAdapter(host, adapter, inputs()).logits!.array();
    for (const loaded of [midpoint, simplex])
      expect(await largestDifference(runAdapter(host, loaded, inputs()).logits!, logits)).toBeLessThan(1e-6);
    const record = JSON.parse(new TextDecoder().decode(files.get('tfjs_peft.json')!));
    expect(record.differences).toEqual([expect.stringMatching(/position/), expect.stringMatching(/readout|pooler/)]);
  });

  it('belongs to its host', async () => {
    const effective = effectiveParameters(
      method,
      toParameters(initialValues(method.plan(host.spec), createStream(2))),
      host.spec,
    );
    const files = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
    await expect(
      loadAdapter(files, { ...host, spec: { ...host.spec, fingerprint: 'f'.repeat(64) } }, registry),
    ).rejects.toMatchObject({
      code: 'ADAPTER_FOR_ANOTHER_HOST',
      message: expect.stringContaining(host.spec.fingerprint.slice(0, 8)),
    });
  });
});
