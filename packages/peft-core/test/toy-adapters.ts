import type { Adapter } from '../src/adapter.js';
import type { HostSpec } from '../src/host-spec.js';
import { initialValues } from '../src/initial-values.js';
import type { PeftMethod } from '../src/method.js';
import { disposeParameters, readParameters, toParameters } from '../src/parameters.js';
import { createStream } from '../src/random-stream.js';
import type { AdapterFiles } from '../src/files/adapter-files.js';
import { loadAdapter } from '../src/files/load-adapter.js';
import type { LoadOptions } from '../src/files/load-options.js';
import { saveAdapter, type SaveOptions } from '../src/files/save-adapter.js';
import { bytesSource } from '../src/safetensors/byte-source.js';
import { openSafetensors } from '../src/safetensors/open-safetensors.js';
import { type WritableTensor, writeSafetensors } from '../src/safetensors/write-safetensors.js';
import { toyHost, toyTensors } from './toy-host.js';
import { toLists, toyRegistry } from './toy-methods.js';

/** An adapter with random parameters: raw and effective ones are the same for the toys. */
export const randomAdapter = (method: PeftMethod, host: HostSpec = toyHost): Adapter => ({
  method,
  effective: toParameters(initialValues(method.plan(host), createStream(5))),
  hostFingerprint: host.fingerprint,
});

export async function saved(method: PeftMethod, options?: SaveOptions): Promise<Map<string, Uint8Array>> {
  const adapter = randomAdapter(method);
  const files = await saveAdapter(adapter, toyTensors(), options);
  disposeParameters(adapter.effective);
  return new Map(files);
}

/** Loads, reads everything, disposes. */
export async function loaded(files: AdapterFiles, options?: LoadOptions, host: HostSpec = toyHost) {
  const adapter = await loadAdapter(files, toyTensors(host), toyRegistry, options);
  const effective = toLists(await readParameters(adapter.effective));
  disposeParameters(adapter.effective);
  return { ...adapter, effective };
}

export const valuesOf = async (method: PeftMethod) => {
  const { effective } = randomAdapter(method);
  const lists = toLists(await readParameters(effective));
  disposeParameters(effective);
  return lists;
};

export const textOf = (files: AdapterFiles, name: string) => new TextDecoder().decode(files.get(name));
export const jsonOf = (files: AdapterFiles, name: string) => JSON.parse(textOf(files, name)) as Record<string, unknown>;
export const bytesOfText = (text: string) => new TextEncoder().encode(text);

/** The files with some entries of one JSON file changed; `undefined` takes an entry out, as is done with a checksum that no longer fits. */
export const edited = (files: AdapterFiles, name: string, changes: Record<string, unknown>) =>
  new Map(files).set(
    name,
    bytesOfText(JSON.stringify({ ...jsonOf(files, name), checksum: undefined, ...changes }, null, 2)),
  );

/** The files with the tensors of one of them changed. */
export async function retensored(
  files: AdapterFiles,
  change: (tensors: Map<string, WritableTensor>) => unknown,
  name = 'adapter_model.safetensors',
): Promise<Map<string, Uint8Array>> {
  const file = await openSafetensors(bytesSource(name, files.get(name)!));
  const tensors = new Map<string, WritableTensor>();
  for (const [tensor, { shape }] of file.tensors) tensors.set(tensor, { shape, data: await file.readFloat32(tensor) });
  change(tensors);
  return new Map(files).set(name, writeSafetensors(tensors));
}

export const without = (files: AdapterFiles, ...names: string[]) =>
  new Map([...files].filter(([name]) => !names.includes(name)));
