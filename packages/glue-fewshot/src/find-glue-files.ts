import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';

/** What a set of rows is called in the two layouts. */
export interface SetNames {
  /** File stems in GLUE's TSV folders, best first. */
  readonly tsv: readonly string[];
  /** Split name in the Hub's Parquet folders. */
  readonly hub: string;
}

export interface FoundSet {
  /** One TSV file, or all shards of a Parquet set in order. */
  readonly files: readonly string[];
  /** True for a cut of the official set (`*.subset.tsv`). */
  readonly subset: boolean;
}

/**
 * Finds the files of one set below the task's folders: `<stem>.tsv`; `<split>-00000-of-00001.parquet` or `<split>/0000.parquet`,
 * with any number of shards; `<stem>.subset.tsv` last, because it is only a cut. Errors: `TASK_FILE_MALFORMED` for missing shards.
 */
export async function findSet(directories: readonly string[], { tsv, hub }: SetNames): Promise<FoundSet | undefined> {
  const listings = await Promise.all(directories.map(list));
  const places = directories.map((directory, i) => ({ directory, names: listings[i]! }));
  for (const stem of tsv)
    for (const { directory, names } of places)
      if (names.includes(`${stem}.tsv`)) return { files: [join(directory, `${stem}.tsv`)], subset: false };
  for (const { directory, names } of places) {
    const shards = (await namedShards(directory, names, hub)) ?? (await numberedShards(join(directory, hub)));
    if (shards) return { files: shards, subset: false };
  }
  for (const stem of tsv)
    for (const { directory, names } of places)
      if (names.includes(`${stem}.subset.tsv`)) return { files: [join(directory, `${stem}.subset.tsv`)], subset: true };
  return undefined;
}

/** Names in a folder, sorted; none where there is no such folder. */
export const list = async (directory: string): Promise<string[]> => {
  try {
    return (await readdir(directory)).sort();
  } catch {
    return [];
  }
};

async function namedShards(directory: string, names: readonly string[], hub: string): Promise<string[] | undefined> {
  const found = names.flatMap((name) => {
    const match = /^(.+)-(\d{5})-of-(\d{5})\.parquet$/.exec(name);
    return match && match[1] === hub ? [{ name, total: Number(match[3]) }] : [];
  });
  if (found.length === 0) return undefined;
  const total = found[0]!.total;
  if (found.length !== total || found.some((shard) => shard.total !== total))
    throw new PeftError('TASK_FILE_MALFORMED', {
      found: `${directory}: ${found.length} of ${total} shards of ${hub} (${found.map(({ name }) => name).join(', ')})`,
      fix: 'fetch all shards, from one revision',
    });
  return found.map(({ name }) => join(directory, name));
}

async function numberedShards(directory: string): Promise<string[] | undefined> {
  const names = (await list(directory)).filter((name) => /^\d{4}\.parquet$/.test(name));
  const gap = names.findIndex((name, i) => Number(name.slice(0, 4)) !== i);
  if (gap >= 0)
    throw new PeftError('TASK_FILE_MALFORMED', {
      found: `${directory}: ${names[gap]} without the shard before it`,
      fix: 'fetch all shards, from 0000.parquet on',
    });
  return names.length > 0 ? names.map((name) => join(directory, name)) : undefined;
}
