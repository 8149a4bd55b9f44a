import type { HostTensors } from '../host.js';
import { limitWarnings } from '../safe-text.js';
import { toParameters } from '../parameters.js';
import type { MethodRegistry } from '../registry.js';
import {
  type AdapterFiles,
  checkFileNames,
  filesBelow,
  pickleNames,
  recordName,
  requireTopFolder,
} from './adapter-files.js';
import { parseRecord } from './adapter-record.js';
import { loadHfFolder } from './load-hf-folder.js';
import { isAdapterHubFolder } from './adapter-hub-config.js';
import type { LoadedAdapter, LoadedArrays, LoadOptions } from './load-options.js';
import { loadOwnFolder } from './load-own-folder.js';

/**
 * An adapter from the files of {@link saveAdapter}, of HF peft or of AdapterHub. `registry` must know its methods, `COMPOSE` and `HEAD` among them.
 * Strict: whatever is missing, left over, misshapen or unsupported is an error that names file and entry. The caller disposes the
 * tensors. The result belongs to `host`.
 * Errors: `ADAPTER_FILE_MISSING`, `PICKLE_REFUSED`, `FILE_NAME_UNSAFE`, `ADAPTER_FORMAT_UNKNOWN`, `ADAPTER_FOR_ANOTHER_HOST`,
 * `ADAPTER_FILES_EDITED`, `ADAPTER_FILES_INCONSISTENT`, `UNKNOWN_METHOD`, `UNKNOWN_PEFT_TYPE`, `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED`,
 * `TASK_UNSUPPORTED`, `HEAD_MISSING`, `HEAD_UNSUPPORTED`, `LABELS_MISMATCH`, `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`,
 * `TENSOR_NAME_AMBIGUOUS`, `ADAPTER_IN_SUBFOLDER`, `ADAPTER_HUB_UNSUPPORTED`, `VALUES_NOT_FINITE`, `SAFETENSORS_*`, `JSON_*`.
 */
export async function loadAdapter(
  allFiles: AdapterFiles,
  host: HostTensors,
  registry: MethodRegistry,
  given: LoadOptions = {},
): Promise<LoadedAdapter> {
  const options = { ...given, ...(given.onWarning && { onWarning: limitWarnings(given.onWarning) }) };
  checkFileNames(allFiles);
  const files = options.folder === undefined ? allFiles : filesBelow(allFiles, options.folder);
  const { effective, ...loaded } = await loadArrays(files, host, registry, options);
  for (const pickle of pickleNames(files)) options.onWarning?.(`${pickle} is ignored: pickles are never read`);
  return { ...loaded, effective: toParameters(effective), hostFingerprint: host.spec.fingerprint };
}

async function loadArrays(
  files: AdapterFiles,
  host: HostTensors,
  registry: MethodRegistry,
  options: LoadOptions,
): Promise<LoadedArrays> {
  const record = files.get(recordName);
  if (record) return loadOwnFolder(parseRecord(record), files, host, registry, options);
  requireTopFolder(files);
  if (!isAdapterHubFolder(files)) return loadHfFolder(files, host, registry, options);
  const { loadAdapterHubFolder } = await import('./load-adapter-hub-folder.js');
  return loadAdapterHubFolder(files, host, registry, options);
}
