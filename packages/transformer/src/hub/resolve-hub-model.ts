import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { shardIndexName } from '@tfjs-peft/peft-core/files';
import {
  isCommit,
  listMissingAdapterFiles,
  listMissingFiles,
  readCachedCommit,
  repositoryFolder,
} from './cached-snapshot.js';
import { type HubClient, openHubClient } from './hub-client.js';
import { type Environment, type HubSettings, readHubSettings } from './hub-settings.js';
import { listShards, selectAdapterFiles, selectModelFiles, weightsName } from './select-model-files.js';
import { type HubFile, storeFile } from './store-file.js';

/** How far a download has come. */
export interface DownloadProgress {
  /** The file that is being downloaded. */
  readonly file: string;
  /** Bytes of all the model's files so far, those found in the cache included. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Which revision to take, and who is told. */
export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Is told as bytes arrive. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Instead of `process.env`. */
  readonly environment?: Environment;
}

/** A downloaded model. */
export interface HubModel {
  /** The snapshot folder in the cache. */
  readonly directory: string;
  readonly commit: string;
}

/**
 * The folder of a model of the Hub in the cache that Python uses too; downloads what is missing. A model whose files are in the cache is
 * used without any request, so a branch stays at the commit it had when it was downloaded; name another revision to get another.
 * Errors: `HUB_NAME_INVALID`, `HUB_OFFLINE`, `HUB_UNREACHABLE`, `HUB_NOT_FOUND`, `HUB_ACCESS_DENIED`, `HUB_FAILED`, `HUB_NO_CONFIG`, `HUB_NO_SAFETENSORS`,
 * `HUB_DOWNLOAD_TRUNCATED`, `HUB_DOWNLOAD_CORRUPT`.
 */
export const resolveHubModel = (name: string, options: HubOptions = {}): Promise<HubModel> =>
  resolveHub(name, options, { listMissing: listMissingFiles, download: downloadModel });

/**
 * The same for an adapter by name. Errors: also `HUB_NO_ADAPTER`.
 */
export const resolveHubAdapter = (name: string, options: HubOptions = {}): Promise<HubModel> =>
  resolveHub(name, options, { listMissing: listMissingAdapterFiles, download: downloadAdapter });

/** What is looked for in a repository. */
interface Wanted {
  listMissing(snapshot: string): Promise<string[]>;
  readonly download: typeof downloadModel;
}

async function resolveHub(name: string, options: HubOptions, wanted: Wanted): Promise<HubModel> {
  const revision = options.revision ?? 'main';
  requireNames(name, revision);
  const settings = readHubSettings(options.environment);
  const storage = join(settings.cacheDirectory, repositoryFolder(name));
  const cached = await readCachedCommit(storage, revision);
  const snapshot = cached && join(storage, 'snapshots', cached);
  const missing = snapshot ? await wanted.listMissing(snapshot) : undefined;
  if (snapshot && missing?.length === 0) return { directory: snapshot, commit: cached };
  if (settings.offline) throw offline(name, revision, settings, missing);

  const client = await openHubClient(name, settings);
  const commit = await client.findCommit(revision);
  await wanted.download(client, name, storage, commit, options.onProgress);
  // Only now, so that whoever trusts the reference finds the files.
  if (!isCommit(revision)) await writeWhole(join(storage, 'refs', ...revision.split('/')), commit);
  return { directory: join(storage, 'snapshots', commit), commit };
}

async function downloadAdapter(
  client: HubClient,
  name: string,
  storage: string,
  commit: string,
  onProgress?: (progress: DownloadProgress) => void,
): Promise<void> {
  const listed = new Map((await client.listFiles(commit)).map((file) => [file.path, file]));
  const files = selectAdapterFiles(name, [...listed.keys()]).map((path) => listed.get(path)!);
  await storeAll(client, storage, commit, files, onProgress);
}

async function downloadModel(
  client: HubClient,
  name: string,
  storage: string,
  commit: string,
  onProgress?: (progress: DownloadProgress) => void,
): Promise<void> {
  const listed = new Map((await client.listFiles(commit)).map((file) => [file.path, file]));
  const { small, sharded } = selectModelFiles(name, [...listed.keys()]);
  let weights = [weightsName];
  if (sharded) {
    await storeAll(client, storage, commit, [listed.get(shardIndexName)!]);
    weights = listShards(await readFile(join(storage, 'snapshots', commit, shardIndexName), 'utf8'));
  }
  const files = [...small, ...weights].map((path) => listed.get(path) ?? absent(name, path));
  await storeAll(client, storage, commit, files, onProgress);
}

async function storeAll(
  client: HubClient,
  storage: string,
  commit: string,
  files: readonly HubFile[],
  onProgress?: (progress: DownloadProgress) => void,
): Promise<void> {
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
  let bytes = 0;
  for (const file of files)
    await storeFile(
      storage,
      commit,
      file,
      (from) => client.download(commit, file.path, from),
      (count) => onProgress?.({ file: file.path, bytes: (bytes += count), totalBytes }),
    );
}

async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.incomplete`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

/** Whether a name may be one of the Hub: `model` or `owner/model`, nothing that could be a path. */
export const isHubName = (name: string): boolean =>
  /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9_][\w.-]*)?$/.test(name) && !/--|\.\./.test(name);

function requireNames(name: string, revision: string): void {
  const safeRevision = /^\w[\w.+-]*(\/\w[\w.+-]*)*$/.test(revision) && !revision.includes('..');
  if (isHubName(name) && safeRevision) return;
  throw new PeftError('HUB_NAME_INVALID', {
    found: isHubName(name) ? `revision "${revision}"` : `model name "${name}"`,
    expected: isHubName(name)
      ? 'a branch, a tag or a commit of 40 hexadecimal digits'
      : '"organisation/name" as on the Hub, "sentence-transformers/all-MiniLM-L6-v2" for example',
    fix: 'correct it, or pass the folder that holds the model',
  });
}

const offline = (name: string, revision: string, settings: HubSettings, missing?: readonly string[]) =>
  new PeftError('HUB_OFFLINE', {
    found:
      `"${name}" at revision "${revision}" is not ` +
      (missing ? `complete (no ${missing.join(', ')})` : 'in the cache') +
      ` at ${settings.cacheDirectory}, and HF_HUB_OFFLINE forbids to download it`,
    fix:
      `unset HF_HUB_OFFLINE, or run \`hf download ${name}\` where there is a network and copy the cache, or set HF_HOME to a ` +
      'cache that has it, or pass the folder of a model',
  });

function absent(name: string, path: string): never {
  throw new PeftError('HUB_NO_SAFETENSORS', {
    found: `${shardIndexName} of "${name}" names ${path}, which the repository does not have`,
    fix: 'use another revision of the model',
  });
}
