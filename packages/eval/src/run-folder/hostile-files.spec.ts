import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { describeEnvironment } from './describe-environment.js';
import { gitCommit } from './git-commit.js';
import { makeFolderSync } from './make-folder.js';
import { readTextIfThere } from './read-text.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-files-'));
});
const commit = '0123456789abcdef0123456789abcdef01234567';
const write = (path: string, text: string) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};

describe('readTextIfThere', () => {
  it('reads plain files alone, and says what else is there', async () => {
    write('file', 'text');
    expect(await readTextIfThere(join(folder, 'file'))).toBe('text');
    expect(await readTextIfThere(join(folder, 'none'))).toBeNull();
    expect(await readTextIfThere(join(folder, 'file', 'below'))).toBeNull();
    await expect(readTextIfThere(folder)).rejects.toMatchObject({ code: 'FILE_NOT_PLAIN' });
    await expect(readTextIfThere(join(folder, 'file'), { maxBytes: 3 })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
    });
  });
  if (process.platform !== 'win32')
    it('waits for no pipe and reads no device', async () => {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      for (const path of [pipe, '/dev/zero'])
        await expect(readTextIfThere(path)).rejects.toMatchObject({ code: 'FILE_NOT_PLAIN' });
    });
});

describe('makeFolderSync', () => {
  it('makes all that is missing, and takes what is there', () => {
    makeFolderSync(join(folder, 'a', 'b', 'c'));
    makeFolderSync(join(folder, 'a', 'b', 'c'));
    expect(existsSync(join(folder, 'a', 'b', 'c'))).toBe(true);
    write('file', '');
    for (const path of ['file', 'file/below'])
      expect(() => makeFolderSync(join(folder, path))).toThrow(/EEXIST|ENOTDIR/);
  });
  if (process.platform === 'linux')
    it('ends where a file system makes no folders', () => {
      expect(() => makeFolderSync('/proc/none')).toThrow(/ENOENT/);
      expect(() => makeFolderSync('/proc/none/below')).toThrow(/ENOENT/);
    });
});

describe('gitCommit', () => {
  it('reads a branch, a packed one, a detached head and a work tree of its own', async () => {
    write('.git/HEAD', 'ref: refs/heads/main\n');
    write('.git/refs/heads/main', `${commit}\n`);
    mkdirSync(join(folder, 'below'));
    expect(await gitCommit(join(folder, 'below'))).toBe(commit);
    write('.git/HEAD', 'ref: refs/heads/packed\n');
    write('.git/packed-refs', `# pack-refs\n${commit} refs/heads/packed\n`);
    expect(await gitCommit(folder)).toBe(commit);
    write('.git/HEAD', commit);
    expect(await gitCommit(folder)).toBe(commit);
    write('tree/.git', `gitdir: ${join(folder, '.git/worktrees/tree')}\n`);
    write('.git/worktrees/tree/HEAD', 'ref: refs/heads/main\n');
    write('.git/worktrees/tree/commondir', '../..\n');
    expect(await gitCommit(join(folder, 'tree'))).toBe(commit);
  });
  it('gives nothing but a commit, whatever the files say', async () => {
    write('secret', 'password');
    write('.git/HEAD', 'ref: refs/../../secret\n');
    expect(await gitCommit(folder)).toBeNull();
    write('.git/HEAD', 'password');
    expect(await gitCommit(folder)).toBeNull();
  });
  it('starts no program: a repository may name one in its configuration', async () => {
    const mark = join(folder, 'ran');
    write('.git/HEAD', 'ref: refs/heads/main\n');
    write('.git/refs/heads/main', commit);
    write('.git/config', `[core]\n\trepositoryformatversion = 0\n\tfsmonitor = "touch ${mark}; false"\n`);
    mkdirSync(join(folder, '.git', 'objects'));
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(await describeEnvironment({})).toMatchObject({ gitCommit: commit });
    } finally {
      process.chdir(before);
    }
    expect(existsSync(mark)).toBe(false);
  });
});
