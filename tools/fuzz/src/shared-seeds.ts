import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Files } from './reader.js';

/** The files below a folder, by names with "/". */
export function filesBelow(folder: string): Files {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  return new Map(
    names
      .sort()
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
  );
}

/** Made by the first process that asks, read by the others: times in the files make them differ. */
export async function sharedSeed(shared: string, name: string, make: () => Promise<Files>): Promise<Files> {
  const folder = join(shared, name);
  if (!existsSync(folder)) {
    const own = `${folder}.${process.pid}`;
    mkdirSync(own, { recursive: true });
    for (const [file, bytes] of await make()) {
      mkdirSync(dirname(join(own, file)), { recursive: true });
      writeFileSync(join(own, file), bytes);
    }
    try {
      renameSync(own, folder);
    } catch {
      rmSync(own, { recursive: true });
    }
  }
  return filesBelow(folder);
}
