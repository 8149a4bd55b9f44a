import type { Readout } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, parseJsonStrict } from '@tfjs-peft/peft-core/files';
import type { ModelFiles } from './model-files.js';

/** What files and name of a model say about its readout. */
export interface FoundReadout {
  readonly readout: Readout | undefined;
  /** Said where the files ask for something that has no counterpart here. */
  readonly warning?: string;
}

/**
 * The readout that a host was trained with, as far as its files and name tell: the pooling module of a sentence-transformers folder,
 * else the habit of its family. `undefined` leaves the choice to `createHost` (`pooler` where there is one, else `cls`).
 */
export async function findReadout(files: ModelFiles, names: readonly string[]): Promise<FoundReadout> {
  const path = `${await findPoolingFolder(files)}/config.json`;
  const stated = readPooling(await readJson(files, path));
  if (stated === 'mean' || stated === 'cls') return { readout: stated };
  if (stated !== undefined)
    return {
      readout: undefined,
      warning: `${path} asks for the pooling ${stated}, which is not supported; the usual readout of the architecture is taken instead (name one, "mean" for example, to choose)`,
    };
  if (names.some((name) => name.startsWith('sentence-transformers/'))) return { readout: 'mean' };
  if (names.some((name) => /^BAAI\/bge-/i.test(name))) return { readout: 'cls' };
  return { readout: undefined };
}

/** modules.json lists the parts of a sentence-transformers model with their folders. */
async function findPoolingFolder(files: ModelFiles): Promise<string> {
  const modules = await readJson(files, 'modules.json');
  const parts = (Array.isArray(modules) ? (modules as readonly Json[]) : []).filter(isJsonObject);
  const path = parts.find(({ type }) => typeof type === 'string' && /\.Pooling$/.test(type))?.path;
  return typeof path === 'string' && /^[\w-]+$/.test(path) ? path : '1_Pooling';
}

/** `mean`, `cls`, or the words of the file for anything else; undefined without a word. Older files have a flag a mode, newer ones a name. */
function readPooling(config: Json | undefined): string | undefined {
  if (!isJsonObject(config)) return undefined;
  const { pooling_mode: named } = config;
  const modes =
    named == null
      ? Object.keys(config).flatMap((key) => (key.startsWith('pooling_mode_') && config[key] === true ? [key] : []))
      : [named].flat().map((mode) => (typeof mode === 'string' ? mode : JSON.stringify(mode)));
  const plain = modes.map((mode) => mode.slice(0, 60).replace(/^pooling_mode_(cls|mean)_tokens?$/, '$1'));
  return plain.length === 0 ? undefined : plain.join(' + ');
}

async function readJson(files: ModelFiles, path: string): Promise<Json | undefined> {
  const text = await files.readText(path);
  return text === undefined ? undefined : parseJsonStrict(text, path);
}
