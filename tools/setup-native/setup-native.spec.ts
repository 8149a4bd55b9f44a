import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';

const script = fileURLToPath(new URL('setup-native.mjs', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'setup-native-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

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
  const found = spawnSync(process.execPath, [script, '--project', project, ...options], { encoding: 'utf8', env });
  return { status: found.status, stdout: found.stdout, stderr: found.stderr };
}

/** A program in the search path that runs these lines of shell. */
function program(name: string, ...lines: string[]): void {
  const path = join(programs, name);
  writeFileSync(path, ['#!/bin/sh', ...lines].join('\n'));
  chmodSync(path, 0o755);
}

function fillCache(what: 'tensorflow' | 'addon'): void {
  const folder = join(
    cache,
    `${what === 'addon' ? 'addon-tfjs-node-4.22.0-napi-v8-' : ''}tensorflow-2.21.0-${process.platform}-${process.arch}`,
  );
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
    for (const flag of ['--cuda', '--upstream', '--check', 'TFJS_PEFT_CACHE']) expect(stdout).toContain(flag);
  });

  it('answers an unknown option with exit code 2', () => {
    expect(run('--cudaa')).toMatchObject({ status: 2, stderr: expect.stringMatching(/--cudaa[^]*To fix: .*--help/) });
  });

  it('says how to install the package it is for', () => {
    rmSync(packageFolder, { recursive: true });
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/not installed[^]*npm ci/) });
  });

  it('only looks with --check', () => {
    expect(run('--check')).toMatchObject({ status: 1, stderr: expect.stringMatching(/does not work[^]*setup:native/) });
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
      return run().stdout;
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
    const { status, stderr, stdout } = run();
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('does not work') });
    expect(stdout).toContain('putting it into node_modules');
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
});
