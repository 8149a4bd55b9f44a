import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { buildSync } from 'esbuild';
import { kernelsVersion } from './kernel-sources.js';

const root = mkdtempSync(join(tmpdir(), 'setup-native-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The command as it is published, beside what it reads: each case starts it in a process of its own. */
const script = join(root, 'dist/main.mjs');
beforeAll(() => {
  const bundle = { bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile: script } as const;
  buildSync({ ...bundle, entryPoints: [fileURLToPath(new URL('main.ts', import.meta.url))] });
  for (const folder of ['kernels', 'native'])
    symlinkSync(fileURLToPath(new URL(`../${folder}`, import.meta.url)), join(root, folder));
});

let project: string;
let cache: string;
let programs: string;
let packageFolder: string;

/** A project with the bare bones of tfjs-node, an empty cache, and no programs but Node. */
beforeEach(() => {
  const folder = mkdtempSync(join(root, 'case-'));
  [project, cache, programs] = ['project', 'cache', 'bin'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  packageFolder = join(project, 'node_modules/@tensorflow/tfjs-node');
  for (const path of [programs, join(packageFolder, 'binding')]) mkdirSync(path, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{}');
  writeFileSync(join(packageFolder, 'package.json'), '{ "name": "@tensorflow/tfjs-node", "version": "4.22.0" }');
  writeFileSync(join(packageFolder, 'index.js'), 'throw new Error("the addon is broken")');
  writeFileSync(join(packageFolder, 'binding.gyp'), '{}');
});

function run(...options: string[]) {
  const env = { PATH: programs, TFJS_PEFT_CACHE: cache, HOME: project };
  const args = [script, '--project', project, ...options];
  const found = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  return { status: found.status, stdout: found.stdout, stderr: found.stderr };
}

/** A program in the search path that runs these lines of shell. */
function program(name: string, ...lines: string[]): void {
  const path = join(programs, name);
  writeFileSync(path, ['#!/bin/sh', ...lines].join('\n'));
  chmodSync(path, 0o755);
}

const tensorflow = `tensorflow-2.21.0-${process.platform}-${process.arch}`;
const addonCache = () => join(cache, `addon-tfjs-node-4.22.0-napi-v8-${tensorflow}`);

function fillCache(what: 'tensorflow' | 'addon'): void {
  const folder = what === 'addon' ? addonCache() : join(cache, tensorflow);
  const files =
    what === 'addon'
      ? ['tfjs_binding.node', 'libtfjs_quiet_start.so']
      : ['lib/libtensorflow_cc.so.2', 'lib/libtensorflow_framework.so.2', 'include/tensorflow/c/c_api.h'];
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), 'ten bytes.');
  }
  const sizes = { 'libtensorflow_cc.so.2': 10, 'libtensorflow_framework.so.2': 10 };
  if (what === 'tensorflow') writeFileSync(join(folder, 'sizes.json'), JSON.stringify(sizes));
}

/** All files below a folder, with what is in them, and links with where they lead. */
const contents = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => ({ path: join(entry.parentPath, entry.name), isLink: entry.isSymbolicLink() }))
    .map(({ path, isLink }) => `${path}: ${isLink ? readlinkSync(path) : readFileSync(path, 'utf8')}`)
    .toSorted();

/** A package of compiled files for this machine beside the project, compiled for these versions. */
function installCompiled(changes: Record<string, unknown> = {}): void {
  const folder = join(project, `node_modules/@tfjs-peft/native-${process.platform}-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  const machine = `${process.platform}-${process.arch}`;
  const compiledFor = { machine, tfjsNode: '4.22.0', napi: 8, tensorflow: '2.21.0', kernels: kernelsVersion() };
  const files = {
    'package.json': '{}',
    'compiled-for.json': JSON.stringify({ ...compiledFor, ...changes }),
    'tfjs_binding.node': 'the addon of the package',
    'libtfjs_quiet_start.so': 'quiet',
    'tfjs_peft_kernels.node': 'the kernels of the package',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

const leftovers = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true }) : []).filter((name) =>
    String(name).includes('.partial-'),
  );

// Only Linux has wheels with the C library.
const onLinux = process.platform === 'linux' ? describe : describe.skip;
if (process.platform !== 'linux') console.log('Skipped: most of setup-native (its wheels are for Linux).');

describe('setup-native', () => {
  it('explains itself', () => {
    const { status, stdout } = run('--help');
    expect(status).toBe(0);
    for (const flag of ['--cuda', '--upstream', '--check', '--undo', '--dry-run', 'TFJS_PEFT_CACHE'])
      expect(stdout).toContain(flag);
  });

  it('answers an unknown option with exit code 2', () => {
    expect(run('--cudaa')).toMatchObject({ status: 2, stderr: expect.stringMatching(/--cudaa[^]*To fix: .*--help/) });
  });

  it('says how to install the package it is for', () => {
    rmSync(packageFolder, { recursive: true });
    expect(run()).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/not installed[^]*npm install @tensorflow\/tfjs-node@4.22.0/),
    });
  });

  it('only looks with --check', () => {
    expect(run('--check')).toMatchObject({ status: 1, stderr: expect.stringMatching(/does not work[^]*setup-native/) });
    expect([existsSync(cache), existsSync(join(packageFolder, 'deps'))]).toEqual([false, false]);
  });
});

onLinux('setup-native', () => {
  it('names what is missing: Python, pip, a compiler', () => {
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/No Python[^]*apt install python3/) });
    program('python3', 'test "$1" = -c');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/has no pip[^]*python3-pip/) });
    fillCache('tensorflow');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/g\+\+\) and make[^]*apt install/) });
    expect(leftovers(cache)).toEqual([]);
  });

  it('shows what pip said when the download fails, and tidies up', () => {
    program('python3', 'case "$3" in download) echo "no such host" >&2; exit 1;; esac');
    expect(run()).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/no such host[^]*To fix: check the network/),
    });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('shows what the compiler said', () => {
    fillCache('tensorflow');
    program('make', 'exit 0');
    program('g++', 'test "$1" = --version || { echo "quiet-start.cc: no" >&2; exit 1; }');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/did not compile[^]*quiet-start.cc: no/) });
    expect(leftovers(cache)).toEqual([]);
  });

  it('goes on without the fused kernels when they cannot be compiled, and puts them in when they are there', () => {
    fillCache('tensorflow');
    // As after `npm ci`, with the addon in the cache.
    const setUp = () => {
      fillCache('addon');
      rmSync(join(packageFolder, 'deps'), { recursive: true, force: true });
      return run().stderr;
    };
    expect(setUp()).toMatch(/going on without the fused kernels[^]*g\+\+/);
    expect(existsSync(join(packageFolder, 'lib/napi-v8/tfjs_binding.node'))).toBe(true);
    program('g++', 'test "$1" = --version || { echo "operations.cc: no" >&2; exit 1; }');
    expect(setUp()).toMatch(/going on without the fused kernels[^]*operations.cc: no/);
    expect(readdirSync(join(packageFolder, 'deps'))).not.toContain('tfjs-peft-kernels.cjs');
    program('g++', 'while test $# -gt 1; do shift; done', 'test "$1" = --version || echo compiled > "$1"');
    expect(setUp()).toContain('compiling the fused kernels');
    expect(readdirSync(join(packageFolder, 'deps'))).toContain('tfjs-peft-kernels.cjs');
    expect(readdirSync(join(packageFolder, 'deps/lib'))).toContain('tfjs_peft_kernels.node');
    const kept = readdirSync(cache).filter((name) => name.startsWith('kernels-'));
    expect(kept).toEqual([expect.stringMatching(/^kernels-[0-9a-f]{12}-tensorflow-2\.21\.0-linux-/)]);
    rmSync(join(programs, 'g++'));
    expect(setUp()).not.toContain('kernels');
    expect([...leftovers(cache), ...leftovers(packageFolder)]).toEqual([]);
  });

  it('fetches again what was damaged in the cache', () => {
    fillCache('tensorflow');
    writeFileSync(join(cache, `tensorflow-2.21.0-linux-${process.arch}/lib/libtensorflow_cc.so.2`), 'short');
    expect(run().stderr).toContain('No Python');
  });

  it('says so when the cache cannot be written', () => {
    program('python3', 'exit 0');
    writeFileSync(cache, 'a file');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/cannot be made[^]*TFJS_PEFT_CACHE/) });
  });

  it('puts everything in place from the cache, over what an interrupted run left, and reports a native part that does not work', () => {
    fillCache('tensorflow');
    fillCache('addon');
    // No process has this number.
    mkdirSync(join(packageFolder, 'deps.partial-99999999'));
    mkdirSync(join(packageFolder, 'deps/lib'), { recursive: true });
    symlinkSync('/nowhere', join(packageFolder, 'deps/lib/libtensorflow.so'));
    const { status, stderr } = run();
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('does not work') });
    expect(stderr).toContain('putting it into node_modules');
    const files = [
      'libtensorflow.so',
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so',
      'libtensorflow_framework.so.2',
    ];
    expect(readdirSync(join(packageFolder, 'deps/lib')).sort()).toEqual([...files, 'libtfjs_quiet_start.so'].sort());
    expect(existsSync(join(packageFolder, 'deps/lib/libtensorflow.so'))).toBe(true);
    expect(readdirSync(join(packageFolder, 'lib/napi-v8'))).toEqual(['tfjs_binding.node']);
    expect(leftovers(packageFolder)).toEqual([]);
  });

  it('says beforehand what it would do, and changes nothing', () => {
    program('python3', 'exit 0');
    program('make', 'exit 0');
    program('g++', 'exit 0');
    const before = contents(project);
    const { status, stdout } = run('--dry-run');
    expect(status).toBe(0);
    expect(stdout).toMatch(/would download tensorflow\S* 2\.21\.0 .* MB, sha256 [0-9a-f]{64}/);
    expect(stdout).toMatch(/would compile the addon of tfjs-node and the fused kernels with g\+\+/);
    expect(stdout).toContain(`would write ${join(packageFolder, 'deps')}`);
    expect([contents(project), existsSync(cache)]).toEqual([before, false]);
  });

  it('undoes what it did, to the file, also where the package had a library of its own', () => {
    fillCache('tensorflow');
    for (const had of [false, true]) {
      fillCache('addon');
      if (had)
        for (const file of ['deps/lib/libtensorflow.so', 'lib/napi-v8/tfjs_binding.node']) {
          mkdirSync(join(packageFolder, file, '..'), { recursive: true });
          writeFileSync(join(packageFolder, file), 'its own');
        }
      const before = contents(project);
      const folders = readdirSync(packageFolder);
      run();
      expect(contents(project)).not.toEqual(before);
      const undone = run('--undo');
      expect(undone).toMatchObject({ status: 0, stdout: expect.stringContaining('as it was before') });
      expect([contents(project), readdirSync(packageFolder)]).toEqual([before, folders]);
      expect(run('--undo')).toMatchObject({ status: 0, stdout: expect.stringContaining('nothing to undo') });
      expect(contents(project)).toEqual(before);
    }
  });

  it.each(['another addon', 'our addon'])(
    'sets up again after the package downloaded its own library anew, and gives that back: it found %s',
    (found) => {
      const files = ['deps/lib/libtensorflow.so', 'lib/napi-v8/tfjs_binding.node'].map((file) =>
        join(packageFolder, file),
      ) as [string, string];
      const download = (text: string, changed: readonly string[]) => {
        rmSync(join(packageFolder, 'deps'), { recursive: true, force: true });
        for (const file of changed) {
          mkdirSync(join(file, '..'), { recursive: true });
          writeFileSync(file, text);
        }
      };
      const setUp = () => {
        fillCache('addon');
        writeFileSync(join(addonCache(), 'tfjs_binding.node'), 'ours, needs libtfjs_quiet_start.so');
        const { stderr } = run();
        expect(stderr).toMatch(/putting it into node_modules[^]*does not work/);
        expect(existsSync(join(packageFolder, 'deps/setup-native.json'))).toBe(true);
        expect(readFileSync(files[1], 'utf8')).toMatch(/^ours/);
        expect(leftovers(packageFolder)).toEqual([]);
      };
      fillCache('tensorflow');
      download('old', files);
      setUp();
      // Its script leaves the addon that it finds.
      download('new', found === 'our addon' ? files.slice(0, 1) : files);
      setUp();
      expect(run('--undo').status).toBe(0);
      expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(['new', found === 'our addon' ? 'old' : 'new']);
    },
  );

  it('leaves the package as it was where something fails', () => {
    fillCache('tensorflow');
    fillCache('addon');
    for (const file of ['deps/lib/libtensorflow.so', 'lib/napi-v8/tfjs_binding.node']) {
      mkdirSync(join(packageFolder, file, '..'), { recursive: true });
      writeFileSync(join(packageFolder, file), 'its own');
    }
    // Cannot be copied.
    const damaged = join(addonCache(), 'tfjs_binding.node');
    rmSync(damaged);
    mkdirSync(damaged);
    const before = contents(packageFolder);
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('putting it into node_modules') });
    expect(contents(packageFolder)).toEqual(before);
  });

  it('needs no compiler where a package brings what is compiled', () => {
    fillCache('tensorflow');
    installCompiled();
    expect(run('--dry-run').stdout).toContain(`would take what @tfjs-peft/native-linux-${process.arch} has compiled`);
    // These files do not run here, so that a compiler is asked for then.
    expect(run().stderr).toMatch(
      /putting it into node_modules[^]*does not run here, so it is compiled anew[^]*g\+\+\) and make/,
    );
    expect(readFileSync(join(packageFolder, 'lib/napi-v8/tfjs_binding.node'), 'utf8')).toBe('the addon of the package');
    expect(readFileSync(join(packageFolder, 'deps/lib/tfjs_peft_kernels.node'), 'utf8')).toBe(
      'the kernels of the package',
    );
  });

  it.each([{ tensorflow: '2.20.0' }, { tfjsNode: '4.21.0' }, { machine: 'linux-riscv64' }, { napi: 9 }])(
    'takes nothing that was compiled for something else: %j',
    (changes) => {
      fillCache('tensorflow');
      installCompiled(changes);
      expect(run('--dry-run').stderr).toContain('a C++ compiler (g++)');
    },
  );

  it('compiles the kernels alone where those of the package are of other sources', () => {
    fillCache('tensorflow');
    installCompiled({ kernels: '0123456789ab' });
    program('make', 'exit 0');
    program('g++', 'exit 0');
    expect(run('--dry-run').stdout).toContain('would compile the fused kernels with g++');
  });
});
