import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from './folder-errors.js';

/**
 * Makes a folder and those above it. Node's own recursive `mkdir` never ends where a file system answers "no such file" inside a folder
 * that is there, as /proc does; this one asks once for each. Errors: those of the system.
 */
export function makeFolderSync(path: string): void {
  if (tryToMake(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolderSync(above);
  mkdirUnlessThere(path);
}

/** False where a folder above is missing. */
function tryToMake(path: string): boolean {
  try {
    mkdirUnlessThere(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && !isFolder(dirname(path))) return false;
    throw error;
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
