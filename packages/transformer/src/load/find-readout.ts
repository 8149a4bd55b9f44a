import { type Json, type JsonObject, parseJsonStrict, type Readout } from '@tfjs-peft/peft-core';
import type { ModelFiles } from './model-files.js';

/**
 * The readout that a host was trained with, as far as its files and name tell: the pooling module of a sentence-transformers folder,
 * else the habit of its family. `undefined` leaves the choice to `createHost` (`pooler` where there is one, else `cls`).
 */
export async function findReadout(files: ModelFiles, names: readonly string[]): Promise<Readout | undefined> {
  const stated = readPooling(await readJson(files, `${await findPoolingFolder(files)}/config.json`));
  if (stated) return stated;
  if (names.some((name) => name.startsWith('sentence-transformers/'))) return 'mean';
  if (names.some((name) => /^BAAI\/bge-/i.test(name))) return 'cls';
  return undefined;
}

/** modules.json lists the parts of a sentence-transformers model with their folders. */
async function findPoolingFolder(files: ModelFiles): Promise<string> {
  const modules = await readJson(files, 'modules.json');
  const parts = (Array.isArray(modules) ? modules : []) as readonly JsonObject[];
  const path = parts.find(({ type }) => /\.Pooling$/.test(String(type)))?.path;
  return typeof path === 'string' && /^[\w-]+$/.test(path) ? path : '1_Pooling';
}

function readPooling(config: Json | undefined): Readout | undefined {
  const { pooling_mode_cls_token: cls, pooling_mode_mean_tokens: mean, ...others } = (config ?? {}) as JsonObject;
  // Other poolings, alone or joined, have no counterpart here.
  if (Object.entries(others).some(([key, value]) => key.startsWith('pooling_mode_') && value === true))
    return undefined;
  if (cls === true && mean !== true) return 'cls';
  return mean === true && cls !== true ? 'mean' : undefined;
}

async function readJson(files: ModelFiles, path: string): Promise<Json | undefined> {
  const text = await files.readText(path);
  return text === undefined ? undefined : parseJsonStrict(text, path);
}
