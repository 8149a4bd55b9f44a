import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { shardIndexName } from '@tfjs-peft/peft-core/files';
import { configName, listShards, tokenizerName, weightsName } from './select-model-files.js';

/** `models--org--name`, as huggingface_hub names the folder of a model. */
export const repositoryFolder = (name: string): string => `models--${name.replaceAll('/', '--')}`;

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** The commit that a branch or tag had when it was last downloaded; undefined if it never was. */
export async function readCachedCommit(storage: string, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const commit = (await readFile(join(storage, 'refs', ...revision.split('/')), 'utf8').catch(() => '')).trim();
  return isCommit(commit) ? commit : undefined;
}

/** The files that a host needs and a snapshot lacks; Python may have put only some of them there. */
export async function listMissingFiles(snapshot: string): Promise<string[]> {
  const has = (file: string) =>
    stat(join(snapshot, file)).then(
      (found) => found.isFile(),
      () => false,
    );
  const missing: string[] = [];
  for (const file of [configName, tokenizerName]) if (!(await has(file))) missing.push(file);
  if (await has(weightsName)) return missing;
  const index = await readFile(join(snapshot, shardIndexName), 'utf8').catch(() => undefined);
  if (index === undefined) return [...missing, weightsName];
  for (const shard of listShards(index)) if (!(await has(shard))) missing.push(shard);
  return missing;
}

/** The same for an adapter: its configuration and its tensors, whoever wrote them. */
export async function listMissingAdapterFiles(snapshot: string): Promise<string[]> {
  const names = await readdir(snapshot, { recursive: true }).catch((): string[] => []);
  const hasConfig = names.includes('adapter_config.json') || names.includes('tfjs_peft.json');
  const hasTensors = names.some((name) => name.endsWith('.safetensors'));
  return [...(hasConfig ? [] : ['adapter_config.json']), ...(hasTensors ? [] : ['adapter_model.safetensors'])];
}
