import { dirname, join, resolve } from 'node:path';
import { readTextIfThere } from './read-text.js';

const hash = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/**
 * The commit that is checked out where `directory` lies; null outside a repository. Read from git's files as data: the program `git` runs
 * commands that the repository's own configuration names (`core.fsmonitor`, filters), and the repository may be a stranger's.
 */
export async function gitCommit(directory: string): Promise<string | null> {
  try {
    const git = await findGitFolder(resolve(directory));
    if (git === null) return null;
    const head = await read(join(git, 'HEAD'));
    const [, ref] = /^ref: (refs\/[^\s]+)$/.exec(head) ?? [];
    if (ref === undefined) return hash.test(head) ? head : null;
    // A work tree of its own shares its branches with the repository it was made from.
    const shared = await read(join(git, 'commondir'));
    const common = shared === '' ? git : resolve(git, shared);
    const loose = await read(join(common, ref));
    if (hash.test(loose)) return loose;
    const packed = (await read(join(common, 'packed-refs'))).split('\n').find((line) => line.endsWith(` ${ref}`));
    const commit = packed?.split(' ')[0] ?? '';
    return hash.test(commit) ? commit : null;
  } catch {
    return null;
  }
}

/** `.git` is a folder, or in a work tree of its own a file that names one. */
async function findGitFolder(directory: string): Promise<string | null> {
  const path = join(directory, '.git');
  if ((await read(join(path, 'HEAD'))) !== '') return path;
  const [, named] = /^gitdir: (.+)$/.exec(await read(path).catch(() => '')) ?? [];
  if (named !== undefined) return resolve(directory, named);
  const above = dirname(directory);
  return above === directory ? null : findGitFolder(above);
}

const read = async (path: string): Promise<string> =>
  (await readTextIfThere(path, { maxBytes: 2 ** 22 }))?.trim() ?? '';
