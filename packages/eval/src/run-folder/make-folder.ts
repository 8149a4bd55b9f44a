import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from './folder-errors.js';

/**
 * Makes a folder and those above it. Node's own recursive `mkdir` never ends where a file system answers "no such file" inside a folder
 * that is there, as /proc does; this one asks once for each. Errors: those of the system.
 */
export function makeFolderSync(path: string): void {
  try {
    mkdirUnlessThere(path);
  } catch (error) {
    const above = dirname(path);
    if (systemCode(error) !== 'ENOENT' || above === path) throw error;
    // Missing a moment ago; another process may have made it since, so the folder itself is tried again either way.
    if (!isFolder(above)) makeFolderSync(above);
    mkdirUnlessThere(path);
  }
}

function mkdirUnlessThere(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Systems answer differently for a folder that is there and cannot be written: EEXIST, EROFS, EISDIR.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
