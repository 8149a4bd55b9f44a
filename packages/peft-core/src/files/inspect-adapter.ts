import type { Json, JsonObject } from '../json.js';
import { sizeOf } from '../plan.js';
import type { MethodDescription } from '../registry.js';
import { bytesSource } from '../safetensors/byte-source.js';
import type { Dtype } from '../safetensors/dtypes.js';
import { openSafetensors } from '../safetensors/open-safetensors.js';
import {
  type AdapterFiles,
  checkFileNames,
  hfConfigName,
  pickleNames,
  recordName,
  requireFile,
} from './adapter-files.js';
import { type AdapterRecord, parseRecord } from './adapter-record.js';
import { lostHeadDefect } from './head-tensors.js';
import { parseJsonObject } from './parse-json-strict.js';

export interface TensorSummary {
  readonly file: string;
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly numbers: number;
}

/** What can be said about an adapter without a host and without reading a number of it. */
export interface AdapterSummary {
  readonly writtenBy: 'tfjs-peft' | 'hf-peft';
  /** `PREFIX_TUNING`; `COMPOSE` and the like for ours. */
  readonly method: string;
  readonly description?: MethodDescription;
  readonly unfolded?: MethodDescription;
  readonly host?: AdapterRecord['host'];
  readonly head?: NonNullable<AdapterRecord['head']>;
  readonly differences: readonly string[];
  readonly baseModelNameOrPath?: string;
  readonly peftVersion?: string;
  readonly taskType?: string;
  readonly tensors: readonly TensorSummary[];
  /** Numbers of the deployed adapter; a head that is stored with several parts counts once, vertices do not count. */
  readonly numbers: number;
  readonly dtypes: readonly Dtype[];
  /** Likely defects, each a sentence. */
  readonly knownDefects: readonly string[];
}

/**
 * Reads headers and configurations only. Errors: `ADAPTER_FILE_MISSING`, `FILE_NAME_UNSAFE`, `PICKLE_REFUSED`, `SAFETENSORS_*`, `JSON_*`,
 * `ADAPTER_FORMAT_UNKNOWN`, `CONFIG_INVALID`.
 */
export async function inspectAdapter(files: AdapterFiles): Promise<AdapterSummary> {
  checkFileNames(files);
  const recordBytes = files.get(recordName);
  const record = recordBytes && parseRecord(recordBytes);
  const configName = [...files.keys()].find((name) => name === hfConfigName || name.endsWith(`/${hfConfigName}`));
  const config =
    configName !== undefined || !record
      ? parseJsonObject(requireFile(files, configName ?? hfConfigName), configName ?? hfConfigName)
      : {};
  const tensors = await summariseTensors(files);
  const deployed = tensors.filter(({ file }) => /(^|\/)adapter_model\.safetensors$/.test(file));
  if (deployed.length === 0) requireFile(files, 'adapter_model.safetensors');
  return {
    writtenBy: record ? 'tfjs-peft' : 'hf-peft',
    method: record?.method.type ?? String(config['peft_type'] ?? 'unknown'),
    ...(record && { description: record.method, host: record.host, differences: record.differences }),
    ...(record?.unfolded && { unfolded: record.unfolded }),
    ...(record?.head && { head: record.head }),
    differences: record?.differences ?? [],
    baseModelNameOrPath: textOf(config['base_model_name_or_path']),
    peftVersion: textOf(config['peft_version']),
    taskType: textOf(config['task_type']),
    tensors,
    numbers: countOnce(deployed),
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
    knownDefects: knownDefects(config, deployed, files, record !== undefined),
  };
}

const textOf = (value: Json | undefined) => (typeof value === 'string' ? value : undefined);

async function summariseTensors(files: AdapterFiles): Promise<TensorSummary[]> {
  const summaries: TensorSummary[] = [];
  for (const [file, bytes] of files) {
    if (!file.endsWith('.safetensors')) continue;
    const { tensors } = await openSafetensors(bytesSource(file, bytes));
    for (const [name, { dtype, shape }] of tensors)
      summaries.push({ file, name, dtype, shape, numbers: sizeOf(shape) });
  }
  return summaries;
}

const headName = /(^|\.)classifier\.(weight|bias)$/;

function countOnce(tensors: readonly TensorSummary[]): number {
  const headFile = tensors.find(({ name }) => headName.test(name))?.file;
  const counted = tensors.filter(({ file, name }) => !headName.test(name) || file === headFile);
  return counted.reduce((sum, { numbers }) => sum + numbers, 0);
}

const initsThatChangeTheBase = ['pissa', 'olora', 'corda', 'lora_ga'];

function knownDefects(
  config: JsonObject,
  tensors: readonly TensorSummary[],
  files: AdapterFiles,
  ours: boolean,
): string[] {
  const names = tensors.map(({ name }) => name);
  const defects = pickleNames(files).map((name) => `${name} is a Python pickle, which is never read`);
  if (!ours && config['task_type'] === 'SEQ_CLS' && !names.some((name) => /classifier|score|pre_classifier/.test(name)))
    defects.push(
      `no tensors of a head, though the task is SEQ_CLS${names.includes('prompt_embeddings') ? `; ${lostHeadDefect}` : ''}`,
    );
  if (names.some((name) => /\.modules_to_save\./.test(name)))
    defects.push('tensor names with the segment "modules_to_save", which no version of peft loads');
  if (
    config['peft_type'] === 'LORA' &&
    names.some((name) => /\.layer\.\d+\..*(?<!base_layer|lora_B)\.bias$/.test(name))
  )
    defects.push(
      'bias names without "base_layer", as peft before 0.7 wrote them: later versions drop these biases silently',
    );
  const init = config['init_lora_weights'];
  if (typeof init === 'string' && initsThatChangeTheBase.some((kind) => init.startsWith(kind)))
    defects.push(`init_lora_weights "${init}" changes the weights of the base model when it is loaded`);
  return defects;
}
