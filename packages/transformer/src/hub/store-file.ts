import { createHash, randomUUID } from 'node:crypto';
import { copyFile, mkdir, open, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';

/** One file of a repository as the Hub lists it. */
export interface HubFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the content for large files, Git's SHA-1 of the blob for small ones; also its name in the cache. */
  readonly etag: string;
}

/**
 * Puts one file into a model's folder of the cache, unless it is there: `blobs/<etag>`, and a link to it in the snapshot. The content
 * goes to a name of its own first and gets its real name only after size and checksum are right, so a truncated download or a kill
 * never leaves a file that looks complete, and two processes do not disturb each other.
 * Errors: `HUB_DOWNLOAD_TRUNCATED`, `HUB_DOWNLOAD_CORRUPT`, and what `content` throws.
 */
export async function storeFile(
  storage: string,
  commit: string,
  file: HubFile,
  content: () => Promise<AsyncIterable<Uint8Array>>,
  onBytes: (count: number) => void,
): Promise<void> {
  const blob = join(storage, 'blobs', file.etag);
  const pointer = join(storage, 'snapshots', commit, ...file.path.split('/'));
  if ((await sizeOf(pointer)) === file.size) return onBytes(file.size);
  await mkdir(dirname(blob), { recursive: true });
  await mkdir(dirname(pointer), { recursive: true });
  if ((await sizeOf(blob)) === file.size) onBytes(file.size);
  else await storeBlob(blob, file, content, onBytes);
  await link(blob, pointer);
}

async function storeBlob(
  blob: string,
  file: HubFile,
  content: () => Promise<AsyncIterable<Uint8Array>>,
  onBytes: (count: number) => void,
): Promise<void> {
  const incomplete = `${blob}.${randomUUID()}.incomplete`;
  try {
    const hash = file.etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`);
    const target = await open(incomplete, 'w');
    let received = 0;
    try {
      for await (const chunk of await content()) {
        await target.writeFile(chunk);
        hash.update(chunk);
        received += chunk.byteLength;
        onBytes(chunk.byteLength);
      }
      await target.sync();
    } finally {
      await target.close();
    }
    if (received !== file.size) throw broken('HUB_DOWNLOAD_TRUNCATED', file, `${received} of ${file.size} bytes`);
    if (hash.digest('hex') !== file.etag)
      throw broken('HUB_DOWNLOAD_CORRUPT', file, 'another checksum than the Hub lists');
    await rename(incomplete, blob);
  } catch (error) {
    await rm(incomplete, { force: true });
    throw error;
  }
}

/** A relative link as Python makes it, or a copy where links are not allowed (Windows without developer mode). */
async function link(blob: string, pointer: string): Promise<void> {
  const temporary = `${pointer}.${randomUUID()}.incomplete`;
  await symlink(relative(dirname(pointer), blob), temporary).catch(() => copyFile(blob, temporary));
  await rename(temporary, pointer);
}

const sizeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ size }) => size,
    () => undefined,
  );

const broken = (code: string, file: HubFile, found: string) =>
  new PeftError(code, {
    found: `download of ${file.path}: ${found}`,
    expected: `${file.size} bytes with checksum ${file.etag}`,
    fix: 'run again (files that arrived whole are kept); if it stays, look for a proxy or a full disk',
  });
