import { lstat, readdir, readFile, realpath, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type AdapterFiles, PeftError } from '@tfjs-peft/peft-core';
import { checkFileNames, hfConfigName, recordName } from '@tfjs-peft/peft-core/files';
import { toFolderError } from './folder-errors.js';
import { makeFolderSync } from './make-folder.js';
import { writeFileAtomically } from './write-file-atomically.js';

const maxFiles = 256;
const maxDepth = 4;

/** How much a folder may hold. */
export interface ReadAdapterOptions {
  /** Largest size of all files together; default 1 GiB. */
  readonly maxBytes?: number;
}

/** Whether a folder looks like an adapter: ours, or one of HF peft. */
export async function isAdapterFolder(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.includes(recordName) || names.includes(hfConfigName);
}

/**
 * The files of an adapter by name (`parts/0/adapter_config.json` with "/" on every system), as `loadAdapter` takes them: `.json` and
 * `.safetensors` files, nothing behind a symbolic link but for those of the Hub's cache. Pickles are listed without their bytes.
 * Errors: `ADAPTER_FOLDER_MISSING`, `ADAPTER_FOLDER_EMPTY`, `ADAPTER_FILE_NOT_PLAIN`, `ADAPTER_TOO_LARGE`, `FILE_NAME_UNSAFE`.
 */
export async function readAdapterFolder(folder: string, options: ReadAdapterOptions = {}): Promise<AdapterFiles> {
  const files = new Map<string, Uint8Array>();
  await readInto(files, folder, '', 0, { maxBytes: 2 ** 30, ...options });
  if (!files.has(recordName) && !files.has(hfConfigName))
    throw new PeftError('ADAPTER_FOLDER_EMPTY', {
      found: `"${folder}" has neither ${recordName} nor ${hfConfigName}`,
      expected: 'the files of an adapter',
      fix: 'pass the folder that a run or HF peft wrote; trials keep theirs in <trial>/adapter',
    });
  checkFileNames(files);
  return files;
}

async function readInto(
  files: Map<string, Uint8Array>,
  root: string,
  below: string,
  depth: number,
  limits: Required<ReadAdapterOptions>,
): Promise<void> {
  const names = await readdir(join(root, below)).catch((cause: unknown) => {
    throw new PeftError('ADAPTER_FOLDER_MISSING', {
      found: `no adapter folder at "${join(root, below)}"`,
      expected: 'a folder with adapter_model.safetensors and its configuration',
      fix: 'check the path; trials keep theirs in <trial>/adapter',
      cause,
    });
  });
  for (const name of names.sort()) {
    const path = await resolveInCache(root, join(root, below, name));
    const entry = await lstat(path);
    if (entry.isDirectory() && depth < maxDepth && !name.startsWith('.')) {
      await readInto(files, root, `${below}${name}/`, depth + 1, limits);
      continue;
    }
    if (!/\.(json|safetensors|bin)$/.test(name)) continue;
    if (!entry.isFile())
      throw new PeftError('ADAPTER_FILE_NOT_PLAIN', {
        found: `"${path}" is ${entry.isSymbolicLink() ? 'a symbolic link' : 'not a plain file'}`,
        expected: 'plain files, so that an adapter from elsewhere cannot point at other files',
        fix: 'copy the file itself into the folder',
      });
    const size = [...files.values()].reduce((sum, { length }) => sum + length, entry.size);
    if (size > limits.maxBytes || files.size >= maxFiles)
      throw new PeftError('ADAPTER_TOO_LARGE', {
        found: `the files of "${root}" exceed ${limits.maxBytes} bytes or ${maxFiles} files`,
        fix: 'pass a larger maxBytes if that is really the adapter',
      });
    files.set(`${below}${name}`, name.endsWith('.bin') ? new Uint8Array() : new Uint8Array(await readFile(path)));
  }
}

/**
 * In a snapshot of the Hub's cache every file is a link to a blob of the same repository: that is its format, so the blob stands for it.
 * Any other link stays what it is, to be refused.
 */
async function resolveInCache(root: string, path: string): Promise<string> {
  const repository = /^(.*[/\\]models--[^/\\]+)[/\\]snapshots[/\\][^/\\]+[/\\]?$/.exec(resolve(root))?.[1];
  if (repository === undefined || !(await lstat(path)).isSymbolicLink()) return path;
  const [target, blobs] = await Promise.all([realpath(path), realpath(join(repository, 'blobs'))]).catch(() => []);
  return target !== undefined && dirname(target) === blobs ? target : path;
}

const isEmptyFolder = async (folder: string): Promise<boolean> =>
  (await readdir(folder).catch(() => null))?.length === 0;

/**
 * Writes the files of an adapter as one folder: all of them into a temporary folder beside it, which then takes the place of an earlier
 * one. An empty folder that is there stays, since the working directory or a mounted one cannot be replaced, and gets the files that make it an
 * adapter's last. Returns their size in bytes. Errors: `FILE_NAME_UNSAFE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function writeAdapterFolder(folder: string, files: AdapterFiles): Promise<number> {
  checkFileNames(files);
  const target = resolve(folder);
  const stays = await isEmptyFolder(target);
  const temporary = join(stays ? target : dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  let bytes = 0;
  try {
    await rm(temporary, { recursive: true, force: true });
    makeFolderSync(temporary);
    for (const [name, data] of files) {
      await writeFileAtomically(join(temporary, name), data);
      bytes += data.length;
    }
    if (stays) {
      const isLast = (name: string) => name === recordName || name === hfConfigName;
      const names = (await readdir(temporary)).toSorted((a, b) => Number(isLast(a)) - Number(isLast(b)));
      for (const name of names) await rename(join(temporary, name), join(target, name));
      await rmdir(temporary);
    } else {
      await rm(target, { recursive: true, force: true });
      await rename(temporary, target);
    }
    return bytes;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw toFolderError(error, folder);
  }
}
