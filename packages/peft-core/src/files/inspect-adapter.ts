import type { Json, JsonObject } from '../json.js';
import type { MethodDescription } from '../registry.js';
import type { Dtype } from '../safetensors/dtypes.js';
import {
  adapterFolders,
  type AdapterFiles,
  checkFileNames,
  filesBelow,
  hfConfigName,
  hubTensorsName,
  recordName,
  requireFile,
  requireTopFolder,
  tensorsName,
} from './adapter-files.js';
import { type AdapterRecord, parseRecord } from './adapter-record.js';
import { guessVersion, hubDefects, knownDefects, pickleDefects, type WriterVersion } from './known-defects.js';
import { isAdapterHubConfig, partsOfAdapterHub } from './load-adapter-hub-folder.js';
import type { Writer } from './load-options.js';
import { parseJsonObject } from './parse-json-strict.js';
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

export interface InspectAdapterOptions {
  /** Read the numbers too, for the norm of each tensor. */
  readonly norms?: boolean;
}

/**
 * Reads headers and configurations only, unless norms are asked for. A folder with one adapter in a subfolder is that adapter.
 * Errors: `ADAPTER_FILE_MISSING`, `ADAPTER_IN_SUBFOLDER`, `FILE_NAME_UNSAFE`, `PICKLE_REFUSED`, `SAFETENSORS_*`, `JSON_*`,
 * `ADAPTER_FORMAT_UNKNOWN`, `CONFIG_INVALID`.
 */
export async function inspectAdapter(
  allFiles: AdapterFiles,
  { norms = false }: InspectAdapterOptions = {},
): Promise<AdapterSummary> {
  checkFileNames(allFiles);
  const files = onlyAdapter(allFiles);
  const recordBytes = files.get(recordName);
  const record = recordBytes && parseRecord(recordBytes);
  const configName = files.has(hfConfigName) || !record ? hfConfigName : firstPart(files);
  const config = configName === undefined ? {} : parseJsonObject(requireFile(files, configName), configName);
  const hub = !record && isAdapterHubConfig(config);
  const tensors = await summariseTensors(files, norms);
  const wanted = hub ? hubTensorsName : tensorsName;
  const deployed = tensors.filter(({ file }) => file === wanted || (!hub && file.endsWith(`/${wanted}`)));
  if (deployed.length === 0) requireFile(files, wanted);
  const own = hub ? tensors : deployed;
  const names = own.map(({ name }) => name);
  return {
    writtenBy: record ? 'tfjs-peft' : hub ? 'adapter-hub' : 'hf-peft',
    method: record?.method.type ?? (hub ? hubMethod(config) : String(config['peft_type'] ?? 'unknown')),
    ...(record && { description: record.method, host: record.host, differences: record.differences }),
    ...(record?.unfolded && { unfolded: record.unfolded }),
    ...(record?.head && { head: record.head }),
    differences: record?.differences ?? [],
    baseModelNameOrPath: textOf(config[hub ? 'model_name' : 'base_model_name_or_path']),
    peftVersion: textOf(config['peft_version']),
    ...(!record && !hub && { writer: guessVersion(config, names, files) }),
    ...(hub && typeof config['version'] === 'string' && { writer: { version: config['version'], clues: [] } }),
    taskType: textOf(config['task_type']),
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
