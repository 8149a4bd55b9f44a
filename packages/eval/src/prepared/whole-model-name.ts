import { resolve } from 'node:path';
import type { ModelConfig } from '../config/experiment-config.js';
import type { OpenedHost } from '../trial/opened-host.js';

/** A host with a name that finds it from any working directory: a folder by its whole path, anything else as it is called. */
export function wholeModelName<Named extends Pick<ModelConfig, 'name'>>(model: Named, isFolder: boolean): Named {
  return isFolder ? { ...model, name: resolve(model.name) } : model;
}

/** Whether a host was named by the folder that holds its files. */
export const isFolderOf = ({ name }: ModelConfig, { directory }: Pick<OpenedHost, 'directory'>): boolean =>
  directory !== undefined && resolve(name) === resolve(directory);
