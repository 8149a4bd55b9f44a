import { buildHost, type HostChoices, type LoadedHost } from './build-host.js';
import { openModel } from './open-model.js';
import { type FetchOptions, type HostAddress, urlFiles } from './url-files.js';

/** How the host differs from its files, and how these arrive. */
export type LoadHostFromUrlOptions = HostChoices & FetchOptions;

/**
 * A host with its tokenizer from files on a server, for browsers: `config.json`, `model.safetensors` (or index and shards),
 * `tokenizer.json`. The name is the last part of the folder's address unless given.
 * Errors: `HOST_SOURCE_INVALID`, `HOST_UNREACHABLE`, `HOST_DOWNLOAD_TRUNCATED`, and those of `openModel`, `createTokenizer` and `createHost`.
 */
export async function loadHostFromUrl(source: HostAddress, options: LoadHostFromUrlOptions = {}): Promise<LoadedHost> {
  const files = urlFiles(source, options);
  const { location } = files;
  const folder = URL.canParse(location) ? new URL(location).pathname.split('/').filter(Boolean).at(-1) : undefined;
  const name = options.name ?? folder ?? location;
  return buildHost(await openModel(files, name, options.readout), name, options);
}
