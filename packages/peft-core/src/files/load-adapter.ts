import type { HostSpec } from '../host.js';
import { toParameters } from '../parameters.js';
import type { MethodRegistry } from '../registry.js';
import { type AdapterFiles, checkFileNames, pickleNames, recordName } from './adapter-files.js';
import { parseRecord } from './adapter-record.js';
import { loadHfFolder } from './load-hf-folder.js';
import type { LoadedAdapter, LoadOptions } from './load-options.js';
import { loadOwnFolder } from './load-own-folder.js';

/**
 * An adapter from the files of {@link saveAdapter} or of HF peft. `registry` must know its methods, `COMPOSE` and `HEAD` among them.
 * Strict: whatever is missing, left over, misshapen or unsupported is an error that names file and entry. The caller disposes the
 * tensors. The result belongs to `host`.
 * Errors: `ADAPTER_FILE_MISSING`, `PICKLE_REFUSED`, `FILE_NAME_UNSAFE`, `ADAPTER_FORMAT_UNKNOWN`, `ADAPTER_FOR_ANOTHER_HOST`,
 * `ADAPTER_FILES_EDITED`, `ADAPTER_FILES_INCONSISTENT`, `UNKNOWN_METHOD`, `UNKNOWN_PEFT_TYPE`, `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED`,
 * `TASK_UNSUPPORTED`, `HEAD_MISSING`, `HEAD_UNSUPPORTED`, `LABELS_MISMATCH`, `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`,
 * `VALUES_NOT_FINITE`, `SAFETENSORS_*`, `JSON_*`.
 */
export async function loadAdapter(
  files: AdapterFiles,
  host: HostSpec,
  registry: MethodRegistry,
  options: LoadOptions = {},
): Promise<LoadedAdapter> {
  checkFileNames(files);
  const recordBytes = files.get(recordName);
  const { method, effective, extraConfig } = recordBytes
    ? await loadOwnFolder(parseRecord(recordBytes), files, host, registry, options)
    : await loadHfFolder(files, host, registry, options);
  for (const pickle of pickleNames(files)) options.onWarning?.(`${pickle} is ignored: pickles are never read`);
  return { method, effective: toParameters(effective), hostFingerprint: host.fingerprint, extraConfig };
}
