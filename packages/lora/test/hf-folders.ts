import {
  type Adapter,
  type AdapterFiles,
  bytesSource,
  composeDefinition,
  createRegistry,
  headDefinition,
  type Host,
  loadAdapter,
  openSafetensors,
  type PeftMethod,
  saveAdapter,
  savedModulesDefinition,
  savedTokensDefinition,
  tokenHeadDefinition,
} from '@tfjs-peft/peft-core';
import { type JsonObject, type WritableTensor, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { loraDefinition } from '../src/lora.js';
import { randomValues } from './small-host.js';

const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const registry = createRegistry(
  loraDefinition,
  headDefinition,
  composeDefinition,
  savedModulesDefinition,
  savedTokensDefinition,
  tokenHeadDefinition,
);

export const randomAdapter = (method: PeftMethod, host: Host): Adapter => ({
  method,
  effective: randomValues(method, host.spec),
  hostFingerprint: host.spec.fingerprint,
});

export const load = (files: AdapterFiles, host: Host) => loadAdapter(files, host, registry);

export const jsonIn = (files: AdapterFiles, name = configName): JsonObject =>
  JSON.parse(new TextDecoder().decode(files.get(name)));

export const differencesIn = (files: AdapterFiles) => jsonIn(files, 'tfjs_peft.json')['differences'];

export async function tensorsIn(files: AdapterFiles): Promise<Map<string, WritableTensor>> {
  const source = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const tensors = new Map<string, WritableTensor>();
  for (const [name, { shape }] of source.tensors) tensors.set(name, { shape, data: await source.readFloat32(name) });
  return tensors;
}

/** A folder of HF peft: what we write of a method with random values, without our record, with other entries and tensors. */
export async function hfFolder(
  method: PeftMethod,
  host: Host,
  changes: JsonObject = {},
  change: (tensors: Map<string, WritableTensor>) => void = () => undefined,
): Promise<AdapterFiles> {
  const files = await saveAdapter(randomAdapter(method, host), host);
  const tensors = await tensorsIn(files);
  change(tensors);
  return new Map([
    [configName, new TextEncoder().encode(JSON.stringify({ ...jsonIn(files), ...changes }))],
    [tensorsName, writeSafetensors(tensors)],
  ]);
}
