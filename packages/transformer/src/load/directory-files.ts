import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import type { ByteSource } from '@tfjs-peft/peft-core';
import type { ModelFiles } from './model-files.js';

/** The files of a model in a folder. Errors: `HOST_DIRECTORY_MISSING` if there is no such folder. */
export async function directoryFiles(directory: string): Promise<ModelFiles> {
  const found = await stat(directory).catch(ifMissing);
  if (!found?.isDirectory())
    throw new PeftError('HOST_DIRECTORY_MISSING', {
      found: found ? `"${directory}" is a file` : `no folder "${directory}"`,
      expected: 'the folder that holds config.json, model.safetensors and tokenizer.json',
      fix: found ? 'pass the folder that it is in' : 'check the path; relative ones start at the working directory',
    });
  const opened: FileHandle[] = [];
  return {
    location: directory,
    list: () => readdir(directory),
    readText: (path) => readFile(join(directory, path), 'utf8').catch(ifMissing),
    async open(path) {
      const handle = await open(join(directory, path)).catch(ifMissing);
      if (!handle) return undefined;
      opened.push(handle);
      return fileSource(path, handle);
    },
    async close() {
      await Promise.all(opened.splice(0).map((handle) => handle.close()));
    },
  };
}

/** Reads only the piece that is asked for; a file that ends before gives fewer bytes. */
async function fileSource(name: string, handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat();
  return {
    name,
    size,
    givesOwnMemory: true,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) return bytes.subarray(0, filled);
        filled += bytesRead;
      }
      return bytes;
    },
  };
}

/** A file that does not exist is an answer, as is a name longer than any file's; one that may not be read is an error. */
function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (!['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(error.code ?? '')) throw error;
}
