import { createHash, type Hash, randomUUID } from 'node:crypto';
import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';

/** One file of a repository as the Hub lists it. */
export interface HubFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the content for large files, Git's SHA-1 of the blob for small ones; also its name in the cache. */
  readonly etag: string;
}

/** What a server sends of a file. */
export interface FileContent {
  /** The byte that it begins at. */
  readonly from: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Where a download goes until it is whole: beside the blobs, so that nothing else takes it for one. */
const partialFolder = '.tfjs-peft-partial';
/** Age in seconds from which on a part that a process left belongs to nobody. */
const abandoned = 300;
/** Age from which on a part is thrown away. */
const forgotten = 7 * 24 * 3600;

/**
 * Puts one file into a model's folder of the cache, unless it is there: `blobs/<etag>`, and a link to it in the snapshot. The content
 * goes to a name of its own first and gets its real name only after size and checksum are right, so a truncated download or a kill
 * never leaves a file that looks complete, and two processes do not disturb each other. What arrived before a break is kept, and the next
 * download goes on from there.
 * Errors: `HUB_DOWNLOAD_TRUNCATED`, `HUB_DOWNLOAD_CORRUPT`, and what `content` throws.
 */
export async function storeFile(
  storage: string,
  commit: string,
  file: HubFile,
  content: (from: number) => Promise<FileContent>,
  onBytes: (count: number) => void,
): Promise<void> {
  const blob = join(storage, 'blobs', file.etag);
  const pointer = join(storage, 'snapshots', commit, ...file.path.split('/'));
  if ((await sizeOf(pointer)) === file.size) return onBytes(file.size);
  const partials = join(storage, partialFolder);
  for (const folder of [dirname(blob), dirname(pointer), partials]) await mkdir(folder, { recursive: true });
  if ((await sizeOf(blob)) === file.size) onBytes(file.size);
  else await storeBlob(blob, partials, file, content, onBytes);
  await removeForgotten(partials, dirname(blob));
  await link(blob, pointer);
}

async function storeBlob(
  blob: string,
  partials: string,
  file: HubFile,
  content: (from: number) => Promise<FileContent>,
  onBytes: (count: number) => void,
): Promise<void> {
  const own = join(partials, `${file.etag}.${randomUUID()}`);
  await claim(partials, file, own);
  try {
    await receive(own, file, content, onBytes);
  } catch (error) {
    // Nobody writes to it now: the next download may go on at once, unless what is there is wrong.
    if (isPeftError(error) && error.code === 'HUB_DOWNLOAD_CORRUPT') await rm(own, { force: true });
    else await rename(own, join(partials, `${file.etag}.free`)).catch(() => undefined);
    throw error;
  }
  await rename(own, blob);
}

/** Takes over what an earlier download left of the file, if there is anything; only one process can. */
async function claim(partials: string, { etag, size }: HubFile, own: string): Promise<void> {
  const left = (await readdir(partials)).filter((name) => name.startsWith(`${etag}.`));
  for (const name of left) {
    const path = join(partials, name);
    const found = await stat(path).catch(() => undefined);
    const isFree = name === `${etag}.free` || (found && Date.now() - found.mtimeMs > abandoned * 1000);
    if (!found || !isFree || found.size === 0 || found.size > size) continue;
    const taken = await rename(path, own).then(
      () => true,
      () => false,
    );
    if (taken) return;
  }
}

/** Receives what is missing of a file and checks all of it. */
async function receive(
  path: string,
  file: HubFile,
  content: (from: number) => Promise<FileContent>,
  onBytes: (count: number) => void,
): Promise<void> {
  const there = (await sizeOf(path)) ?? 0;
  const target = await open(path, there > 0 ? 'r+' : 'w');
  try {
    let hash = startHash(file);
    let received = 0;
    if (there < file.size || file.size === 0) {
      const { from, chunks } = await content(there);
      if (from > 0) received = await hashStart(target, there, hash);
      else {
        hash = startHash(file);
        await target.truncate(0);
      }
      if (received > 0) onBytes(received);
      for await (const chunk of chunks) {
        received += chunk.byteLength;
        if (received > file.size)
          throw broken('HUB_DOWNLOAD_CORRUPT', file, `more than the ${file.size} bytes that the Hub lists`);
        await writeAll(target, chunk, received - chunk.byteLength);
        hash.update(chunk);
        onBytes(chunk.byteLength);
      }
      await target.sync();
    } else {
      received = await hashStart(target, there, hash);
      onBytes(received);
    }
    if (received !== file.size) throw broken('HUB_DOWNLOAD_TRUNCATED', file, `${received} of ${file.size} bytes`);
    if (hash.digest('hex') !== file.etag)
      throw broken('HUB_DOWNLOAD_CORRUPT', file, 'another checksum than the Hub lists');
  } finally {
    await target.close();
  }
}

const startHash = ({ etag, size }: HubFile): Hash =>
  etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);

async function hashStart(target: FileHandle, length: number, hash: Hash): Promise<number> {
  const buffer = Buffer.alloc(2 ** 20);
  for (let at = 0; at < length;) {
    const { bytesRead } = await target.read(buffer, 0, Math.min(buffer.length, length - at), at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return length;
}

async function writeAll(target: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < chunk.byteLength;) {
    const { bytesWritten } = await target.write(chunk, written, chunk.byteLength - written, at + written);
    written += bytesWritten;
  }
}

/** Parts that nobody came back for, those of earlier versions among the blobs too. */
async function removeForgotten(partials: string, blobs: string): Promise<void> {
  const old = (await readdir(blobs)).filter((name) => /^[0-9a-f]+\.[0-9a-f-]{36}\.incomplete$/.test(name));
  const paths = [
    ...(await readdir(partials)).map((name) => join(partials, name)),
    ...old.map((name) => join(blobs, name)),
  ];
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > forgotten * 1000) await rm(path, { force: true });
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
