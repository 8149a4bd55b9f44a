import { isPeftError, PeftError } from '../errors.js';
import type { Json, JsonObject } from '../json/json.js';
import type { MethodDescription, MethodRegistry } from '../registry.js';
import type { Dtype } from '../safetensors/dtypes.js';
import { namesOf } from './adapter-hub-head.js';
import {
  adapterFolders,
  type AdapterFiles,
  checkFileNames,
  filesBelow,
  hfConfigName,
  hubHeadConfigName,
  hubTensorsName,
  recordName,
  requireFile,
  requireTopFolder,
  tensorsName,
} from './adapter-files.js';
import { type AdapterRecord, parseRecord } from './adapter-record.js';
import { baseClassOf, requireTask } from './base-class.js';
import { briefJson } from '../json/brief-json.js';
import { requireHfDefinition } from './load-hf-folder.js';
import { guessVersion, hubDefects, knownDefects, pickleDefects, type WriterVersion } from './known-defects.js';
import { isAdapterHubConfig, partsOfAdapterHub } from './adapter-hub-config.js';
import { requireHubDefinition } from './load-adapter-hub-folder.js';
import type { Writer } from './load-options.js';
import { isJsonObject, parseJsonObject } from '../json/parse-json-strict.js';
import {
  isHeadName,
  ranksOf,
  summariseCoverage,
  summariseTensors,
  type TargetCoverage,
  type TensorSummary,
} from './summarise-tensors.js';

/** What can be said about an adapter without a host and, but for norms, without reading a number of it. */
export interface AdapterSummary {
  readonly writtenBy: Writer;
  /** `PREFIX_TUNING`; `COMPOSE` and the like for ours; AdapterHub's names for what it wrote (`prefix_tuning + lora`). */
  readonly method: string;
  readonly description?: MethodDescription;
  readonly unfolded?: MethodDescription;
  readonly host?: AdapterRecord['host'];
  readonly head?: NonNullable<AdapterRecord['head']>;
  readonly differences: readonly string[];
  readonly baseModelNameOrPath?: string;
  readonly peftVersion?: string;
  /** Which versions can have written the folder; for one of HF peft. */
  readonly writer?: WriterVersion;
  readonly taskType?: string;
  /** HF class that it was made around, where the file says so. */
  readonly baseClass?: string;
  readonly alpha?: number;
  /** Names of the outputs of its head, where a file has them. */
  readonly labels?: readonly string[];
  /** Why it cannot be loaded with the registry that was passed; absent if nothing is known against it. */
  readonly notLoadable?: string;
  readonly tensors: readonly TensorSummary[];
  /** What the deployed adapter has where, by the names of its tensors. */
  readonly coverage: readonly TargetCoverage[];
  /** Ranks of low-rank factors, smallest first; empty for other methods. */
  readonly ranks: readonly number[];
  /** Numbers of the deployed adapter; a head that is stored with several parts counts once, vertices do not count. */
  readonly numbers: number;
  readonly dtypes: readonly Dtype[];
  /** Likely defects, each a sentence. */
  readonly knownDefects: readonly string[];
}

/** What to say of an adapter beyond its headers. */
export interface InspectAdapterOptions {
  /** Read the numbers too, for the norm of each tensor. */
  readonly norms?: boolean;
  /** To say whether its methods can be loaded. */
  readonly registry?: MethodRegistry;
}

/**
 * Reads headers and configurations only, unless norms are asked for. A folder with one adapter in a subfolder is that adapter.
 * Errors: `ADAPTER_FILE_MISSING`, `ADAPTER_IN_SUBFOLDER`, `FILE_NAME_UNSAFE`, `PICKLE_REFUSED`, `SAFETENSORS_*`, `JSON_*`,
 * `ADAPTER_FORMAT_UNKNOWN`, `CONFIG_INVALID`.
 */
export async function inspectAdapter(
  allFiles: AdapterFiles,
  { norms = false, registry }: InspectAdapterOptions = {},
): Promise<AdapterSummary> {
  checkFileNames(allFiles);
  const files = onlyAdapter(allFiles);
  const recordBytes = files.get(recordName);
  const record = recordBytes && parseRecord(recordBytes);
  const configName = files.has(hfConfigName) || !record ? hfConfigName : firstPart(files);
  const config = configName === undefined ? {} : parseJsonObject(requireFile(files, configName), configName);
  const hub = !record && isAdapterHubConfig(config);
  const { peft_type: peftType } = config;
  if (!record && !hub && peftType !== undefined && typeof peftType !== 'string')
    throw new PeftError('CONFIG_INVALID', {
      found: `${hfConfigName}: "peft_type": ${briefJson(peftType)}`,
      expected: 'the name of a method, "LORA" for example',
      fix: 'fetch the file again from its origin',
    });
  const notLoadable = registry && reasonAgainst(config, record, hub, registry);
  const tensors = await summariseTensors(files, norms);
  const wanted = hub ? hubTensorsName : tensorsName;
  const deployed = tensors.filter(({ file }) => file === wanted || (!hub && file.endsWith(`/${wanted}`)));
  if (deployed.length === 0) requireFile(files, wanted);
  const own = hub ? tensors : deployed;
  const names = own.map(({ name }) => name);
  return {
    writtenBy: record ? 'tfjs-peft' : hub ? 'adapter-hub' : 'hf-peft',
    method: record?.method.type ?? (hub ? hubMethod(config) : (textOf(peftType) ?? 'unknown')),
    ...(record && { description: record.method, host: record.host, differences: record.differences }),
    ...(record?.unfolded && { unfolded: record.unfolded }),
    ...(record?.head && { head: record.head }),
    differences: record?.differences ?? [],
    baseModelNameOrPath: textOf(config[hub ? 'model_name' : 'base_model_name_or_path']),
    peftVersion: textOf(config['peft_version']),
    ...(!record && !hub && { writer: guessVersion(config, names, files) }),
    ...(hub && typeof config['version'] === 'string' && { writer: { version: config['version'], clues: [] } }),
    taskType: textOf(config['task_type']),
    baseClass: baseClassOf(config),
    alpha: numberOf(hub ? (config['config'] as JsonObject)['alpha'] : config['lora_alpha']),
    labels: record?.head?.labels ?? labelsBeside(files),
    ...(notLoadable !== undefined && { notLoadable }),
    tensors,
    coverage: summariseCoverage(own),
    ranks: ranksOf(own),
    numbers: countOnce(own),
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
    knownDefects: [
      ...pickleDefects(files),
      ...(hub ? hubDefects(config) : knownDefects(config, names, record !== undefined)),
    ],
  };
}

const numberOf = (value: Json | undefined) => (typeof value === 'number' ? value : undefined);

/** The first reason why a load would fail that needs no host. */
function reasonAgainst(
  config: JsonObject,
  record: AdapterRecord | undefined,
  hub: boolean,
  registry: MethodRegistry,
): string | undefined {
  try {
    if (record) registry.build(record.method);
    else if (hub) for (const part of partsOfAdapterHub(config)) requireHubDefinition(part, registry);
    else {
      requireHfDefinition(config, registry);
      requireTask(config, undefined, hfConfigName);
    }
    return undefined;
  } catch (error) {
    if (isPeftError(error)) return error.message;
    throw error;
  }
}

/** Names from a head of AdapterHub or from the config.json of a model in the folder. */
function labelsBeside(files: AdapterFiles): readonly string[] | undefined {
  const headBytes = files.get(hubHeadConfigName);
  const head = headBytes && parseJsonObject(headBytes, hubHeadConfigName);
  const map = head && (isJsonObject(head['config']) ? head['config']['label2id'] : head['label2id']);
  if (isJsonObject(map)) return namesOf(map).filter((name) => typeof name === 'string');
  const bytes = files.get('config.json');
  const names = bytes && parseJsonObject(bytes, 'config.json')['id2label'];
  return isJsonObject(names) ? Object.values(names).filter((name) => typeof name === 'string') : undefined;
}

const textOf = (value: Json | undefined) => (typeof value === 'string' ? value : undefined);

/** The files themselves, or those of the one subfolder that holds an adapter. */
function onlyAdapter(files: AdapterFiles): AdapterFiles {
  const folders = adapterFolders(files);
  if (files.has(recordName) || files.has(hfConfigName)) return files;
  if (folders.length === 1) return filesBelow(files, folders[0]!);
  requireTopFolder(files);
  return files;
}

/** The configuration of the first part of a composition of ours. */
const firstPart = (files: AdapterFiles) => [...files.keys()].find((name) => name.endsWith(`/${hfConfigName}`));

const hubMethod = (file: JsonObject): string =>
  partsOfAdapterHub(file)
    .map(({ architecture }) => (typeof architecture === 'string' ? architecture : 'bottleneck'))
    .join(' + ');

function countOnce(tensors: readonly TensorSummary[]): number {
  const headFile = tensors.find(({ name }) => isHeadName(name))?.file;
  const counted = tensors.filter(({ file, name }) => !isHeadName(name) || file === headFile);
  return counted.reduce((sum, { numbers }) => sum + numbers, 0);
}
