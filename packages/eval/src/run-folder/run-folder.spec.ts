import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { readAdapterFolder, writeAdapterFolder } from './adapter-folder.js';
import { compareConfigurations, describeDifferences } from './compare-configurations.js';
import { createFolderStore } from './folder-checkpoint-store.js';
import { toFolderError } from './folder-errors.js';
import { parseLines, startLineLog } from './line-log.js';
import { ensureWritableFolder, writeFileAtomically } from './write-file-atomically.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-folder-'));
});
const bytes = (text: string) => new TextEncoder().encode(text);
const system = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });

describe('writeFileAtomically', () => {
  it('makes folders, replaces files and leaves nothing else behind', async () => {
    const path = join(folder, 'a', 'b', 'file.txt');
    await writeFileAtomically(path, 'one');
    await writeFileAtomically(path, bytes('two'));
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['file.txt']);
  });

  it('keeps the earlier file and cleans up where the new one cannot take its place', async () => {
    mkdirSync(join(folder, 'taken'));
    writeFileSync(join(folder, 'taken', 'inside'), 'old');
    await expect(writeFileAtomically(join(folder, 'taken'), 'new')).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    });
    expect(readFileSync(join(folder, 'taken', 'inside'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it('turns errors of the system into typed ones', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(ensureWritableFolder(join(folder, 'file', 'sub'))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    });
    expect(toFolderError(system('ENOSPC'), folder)).toMatchObject({ code: 'DISK_FULL' });
    expect(toFolderError(system('EROFS'), folder)).toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
    const other = system('EIO');
    expect(toFolderError(other, folder)).toBe(other);
    const bug = new TypeError('x');
    expect(toFolderError(bug, folder)).toBe(bug);
  });
});

describe('line logs', () => {
  it('start anew with given entries and append in order', () => {
    const path = join(folder, 'log.jsonl');
    writeFileSync(path, '{"step":1}\n{"step":2}\n{"st');
    const log = startLineLog(path, [{ step: 1 }]);
    log.append({ step: 2, note: 'a\nb' });
    expect(readFileSync(path, 'utf8')).toBe('{"step":1}\n{"step":2,"note":"a\\nb"}\n');
  });

  it('are read without torn lines', () => {
    expect(parseLines('{"step":1}\n{"step":2}\n{"st')).toEqual([{ step: 1 }, { step: 2 }]);
    expect(parseLines(null)).toEqual([]);
  });
});

describe('createFolderStore', () => {
  it('reads what was written, null where nothing is, and removes', async () => {
    const store = createFolderStore(join(folder, 'checkpoint'));
    expect(await store.read('x')).toBeNull();
    await store.write('x', bytes('1'));
    expect([...(await store.read('x'))!]).toEqual([...bytes('1')]);
    await store.remove('x');
    await store.remove('x');
    expect(await store.read('x')).toBeNull();
  });
});

describe('adapter folders', () => {
  const files = new Map([
    ['adapter_config.json', bytes('{}')],
    ['parts/0/adapter_model.safetensors', bytes('abc')],
  ]);

  it('come back as they were written, parts included', async () => {
    expect(await writeAdapterFolder(join(folder, 'adapter'), files)).toBe(5);
    await writeAdapterFolder(join(folder, 'adapter'), files);
    const read = await readAdapterFolder(join(folder, 'adapter'));
    expect([...read.keys()].sort()).toEqual([...files.keys()].sort());
    for (const [name, data] of files) expect([...read.get(name)!]).toEqual([...data]);
    expect(readdirSync(folder)).toEqual(['adapter']);
  });

  it('go into an empty folder that is there, such as the working directory', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      await writeAdapterFolder('.', files);
    } finally {
      process.chdir(before);
    }
    expect([...(await readAdapterFolder(folder)).keys()].sort()).toEqual([...files.keys()].sort());
    expect(readdirSync(folder).sort()).toEqual(['adapter_config.json', 'parts']);
  });

  it('are not written outside', async () => {
    await expect(
      writeAdapterFolder(join(folder, 'adapter'), new Map([['../x.json', bytes('')]])),
    ).rejects.toMatchObject({
      code: 'FILE_NAME_UNSAFE',
    });
  });

  it('are read with limits, without links and without the bytes of pickles', async () => {
    const path = join(folder, 'adapter');
    await writeAdapterFolder(path, files);
    writeFileSync(join(path, 'adapter_model.bin'), 'pickle');
    writeFileSync(join(path, 'README.md'), 'text');
    const read = await readAdapterFolder(path);
    expect(read.get('adapter_model.bin')).toHaveLength(0);
    expect(read.has('README.md')).toBe(false);
    await expect(readAdapterFolder(path, { maxBytes: 3 })).rejects.toMatchObject({ code: 'ADAPTER_TOO_LARGE' });
    symlinkSync('/etc/hostname', join(path, 'tfjs_peft.json'));
    await expect(readAdapterFolder(path)).rejects.toMatchObject({ code: 'ADAPTER_FILE_NOT_PLAIN' });
    await expect(readAdapterFolder(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'ADAPTER_FOLDER_MISSING' });
    mkdirSync(join(folder, 'empty'));
    await expect(readAdapterFolder(join(folder, 'empty'))).rejects.toMatchObject({ code: 'ADAPTER_FOLDER_EMPTY' });
  });
});

describe('compareConfigurations', () => {
  it('finds the leaves that differ', () => {
    const found = compareConfigurations({ a: { b: 1, c: [1] }, d: 2 }, { a: { b: 1, c: [2] }, e: null });
    expect(found).toEqual([
      { key: 'a.c', found: '[1]', expected: '[2]' },
      { key: 'd', found: '2', expected: 'nothing' },
      { key: 'e', found: 'nothing', expected: 'null' },
    ]);
    expect(describeDifferences(found, 2)).toBe('a.c is [1], not [2]; d is 2, not nothing; and 1 more');
    expect(compareConfigurations({ a: 1 }, { a: 1 })).toEqual([]);
  });
});
