import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { toyHost, toyTensors } from '../test/toy-host.js';
import { bytesSource } from './safetensors/byte-source.js';
import { openSafetensors } from './safetensors/open-safetensors.js';
import { writeSafetensors } from './safetensors/write-safetensors.js';
import type { AdapterFiles } from './files/adapter-files.js';
import { loadAdapter } from './files/load-adapter.js';
import { saveAdapter } from './files/save-adapter.js';
import { initialValues } from './initial-values.js';
import type { PeftMethod } from './method.js';
import { floatsOf, type NamedArray, readParameters, toParameters } from './parameters.js';
import { countParameters } from './plan.js';
import { createStream } from './random-stream.js';
import { createRegistry, type MethodDefinition } from './registry.js';

const indices = Int32Array.of(1, 2 ** 24 + 1, 2 ** 31 - 1);
const config = z.strictObject({ seed: z.int().default(7) });

/** A bias with indices beside it, and a random vector that a seed of its configuration gives. */
const definition: MethodDefinition<typeof config> = {
  type: 'BUFFERED',
  config,
  create: (own): PeftMethod => ({
    type: 'BUFFERED',
    config: own,
    namespaces: ['buffered'],
    plan: () => ({
      raw: [{ name: 'buffered.bias', shape: [4], initial: { kind: 'normal', standardDeviation: 1 } }],
      effective: [{ name: 'buffered.bias', shape: [4], site: 'pooler.dense', perExample: 'axis' }],
      buffers: [
        { name: 'buffered.indices', shape: [3], dtype: 'int32', initial: { kind: 'given', values: indices } },
        {
          name: 'buffered.drawn',
          shape: [2, 3],
          dtype: 'float32',
          initial: { kind: 'uniform', low: -1, high: 1 },
          seed: own.seed,
        },
      ],
    }),
    intervene: () => [],
  }),
};
const registry = createRegistry(definition);
const method = definition.create({ seed: 7 }, []);
const values = (run = 1, of = method) => initialValues(of.plan(toyHost), createStream(run));
const save = async () => {
  const effective = toParameters(values());
  const files = await saveAdapter({ method, effective, hostFingerprint: toyHost.fingerprint }, toyTensors());
  tf.dispose([...effective.values()]);
  return files;
};
const tensorsFile = 'adapter_model.safetensors';
const open = (files: AdapterFiles) => openSafetensors(bytesSource(tensorsFile, files.get(tensorsFile)!));

/** The files with the indices exchanged. */
async function withIndices(array: NamedArray): Promise<AdapterFiles> {
  const files = await save();
  const file = await open(files);
  const bias = { shape: [4], data: await file.readFloat32('buffered.bias') };
  const bytes = writeSafetensors(
    new Map<string, NamedArray>([
      ['buffered.bias', bias],
      ['buffered.indices', array],
    ]),
  );
  return new Map([...files, [tensorsFile, bytes]]);
}

describe('buffers', () => {
  it('are drawn from the run, or from a seed of their own, and keep their type', () => {
    const [one, two] = [values(1), values(2)];
    expect(one.get('buffered.indices')!.data).toEqual(indices);
    expect(one.get('buffered.drawn')).toEqual(two.get('buffered.drawn'));
    expect(one.get('buffered.bias')).not.toEqual(two.get('buffered.bias'));
    const another = definition.create({ seed: 8 }, []);
    expect(values(1, another).get('buffered.drawn')).not.toEqual(one.get('buffered.drawn'));
  });

  it('are counted apart', () => {
    expect(countParameters(method.plan(toyHost))).toEqual({ trainable: 4, effective: 4, buffers: 9 });
  });

  it('come back from tensors to the bit, and are no numbers to compute with', async () => {
    const tensors = toParameters(values());
    expect(tensors.get('buffered.indices')!.dtype).toBe('int32');
    expect((await readParameters(tensors)).get('buffered.indices')!.data).toEqual(indices);
    tf.dispose([...tensors.values()]);
    expect(() => floatsOf(values().get('buffered.indices')!)).toThrow(
      expect.objectContaining({ code: 'TENSOR_TYPE_WRONG' }),
    );
  });

  it('come back from files: the stored ones exactly, the seeded ones without being stored', async () => {
    const files = await save();
    const file = await open(files);
    expect([...file.tensors.keys()].sort()).toEqual(['buffered.bias', 'buffered.indices']);
    expect(file.tensors.get('buffered.indices')!.dtype).toBe('I32');
    const loaded = await loadAdapter(files, toyTensors(), registry);
    const arrays = await readParameters(loaded.effective);
    for (const name of ['buffered.bias', 'buffered.indices', 'buffered.drawn'])
      expect(arrays.get(name)).toEqual(values().get(name));
    tf.dispose([...loaded.effective.values()]);
  });

  it.each<[string, NamedArray, string]>([
    ['another type', { shape: [3], data: Float32Array.from(indices) }, 'TENSOR_TYPE_WRONG'],
    ['another shape', { shape: [1, 3], data: indices }, 'TENSOR_MISSHAPEN'],
  ])('of %s in a file are refused', async (_name, array, code) => {
    await expect(loadAdapter(await withIndices(array), toyTensors(), registry)).rejects.toMatchObject({ code });
  });
});
