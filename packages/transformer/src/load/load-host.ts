import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PeftError, type Readout } from '@tfjs-peft/peft-core';
import { type HubOptions, isHubName, resolveHubModel } from '../hub/resolve-hub-model.js';
import { buildHost, type HostChoices, type LoadedHost } from './build-host.js';
import { directoryFiles } from './directory-files.js';
import { openModel, type OpenedModel } from './open-model.js';

/** A folder as path or `file:` URL, or a model of the Hub by name. */
export type HostSource = string | URL | { readonly name: string; readonly revision?: string };

/** Readout, dropout and name of a host; revision and progress of a download. */
export type LoadHostOptions = HostChoices & HubOptions;

/** A host from a folder of this machine. */
export interface LoadedHostDirectory extends LoadedHost {
  readonly directory: string;
}

/** Opens a folder without building a host: configuration, tensors, tokenizer. Close it after use. Errors: `HOST_DIRECTORY_MISSING`, and those of `openModel`. */
export const openModelDirectory = async (directory: string, name?: string, readout?: Readout): Promise<OpenedModel> =>
  openModel(await directoryFiles(directory), name, readout);

/**
 * A host with its tokenizer from a folder or from the Hub. A string is a folder if one exists there or it looks like a path, and a name of
 * the Hub otherwise. Tensors are read one by one, never the whole file at once.
 * Errors: those of `openModelDirectory`, `resolveHubModel`, `createTokenizer` and `createHost`; `HOST_SOURCE_INVALID`.
 */
export async function loadHost(source: HostSource, options: LoadHostOptions = {}): Promise<LoadedHostDirectory> {
  const { directory, name } = await locateHost(source, options);
  return { ...(await buildHost(await openModelDirectory(directory, name, options.readout), name, options)), directory };
}

/** The folder of a source and the name that its host gets. */
export async function locateHost(
  source: HostSource,
  options: LoadHostOptions,
): Promise<{ readonly directory: string; readonly name: string }> {
  const { directory, name } = await locate(source, options);
  return { directory, name: options.name ?? name ?? hubNameOfSnapshot(directory) ?? basename(resolve(directory)) };
}

async function locate(source: HostSource, options: HubOptions): Promise<{ directory: string; name?: string }> {
  if (source instanceof URL) return { directory: pathOf(source) };
  if (typeof source === 'object')
    return {
      ...(await resolveHubModel(source.name, { ...options, revision: source.revision ?? options.revision })),
      name: source.name,
    };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return { directory: pathOf(new URL(source)) };
  const isFolder = await stat(source).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder || !isHubName(source)) return { directory: source };
  return { ...(await resolveHubModel(source, options)), name: source };
}

function pathOf(url: URL): string {
  if (url.protocol === 'file:') return fileURLToPath(url);
  throw new PeftError('HOST_SOURCE_INVALID', {
    found: `address ${url.href}`,
    expected: 'a folder, a file: URL or a name of the Hub',
    fix: 'use loadHostFromUrl for files on a web server',
  });
}

/** `org/name` of `.../models--org--name/snapshots/<commit>`. */
function hubNameOfSnapshot(directory: string): string | undefined {
  const folder = /[/\\]models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+[/\\]?$/.exec(resolve(directory))?.[1];
  return folder?.replace('--', '/');
}
