import { buildHost, type HostChoices, type LoadedHost } from './build-host.js';
import { openModel } from './open-model.js';
import { type FetchProgress, urlFiles } from './url-files.js';

export interface LoadHostFromUrlOptions extends HostChoices {
  /** Is told as bytes arrive. */
  readonly onProgress?: (progress: FetchProgress) => void;
}

/**
 * A host with its tokenizer from files below an address, for browsers: `config.json`, `model.safetensors` (or index and shards),
 * `tokenizer.json`. The name is the last part of the address unless given.
 * Errors: `HOST_UNREACHABLE`, `HOST_DOWNLOAD_TRUNCATED`, and those of `openModel`, `createTokenizer` and `createHost`.
 */
export async function loadHostFromUrl(
  baseUrl: string | URL,
  options: LoadHostFromUrlOptions = {},
): Promise<LoadedHost> {
  const files = urlFiles(baseUrl, options.onProgress);
  const name = options.name ?? new URL(files.location).pathname.split('/').filter(Boolean).at(-1) ?? files.location;
  return buildHost(await openModel(files, name), name, options);
}
