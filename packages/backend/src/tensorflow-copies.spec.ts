import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const entry = fileURLToPath(new URL('index.ts', import.meta.url));
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'tfjs-peft-copies-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A module that loads a copy of its own, which registers a kernel once more as a second TensorFlow.js does. */
function moduleWithCopy(name: string): string {
  const core = join(root, name, 'node_modules', '@tensorflow', 'tfjs-core');
  mkdirSync(core, { recursive: true });
  writeFileSync(join(core, 'package.json'), '{ "main": "core.js" }');
  const real = JSON.stringify(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-core')));
  writeFileSync(
    join(core, 'core.js'),
    `const tf = require(${real}); tf.registerKernel(tf.getKernel('Add', 'cpu')); exports.own = true;`,
  );
  const path = join(root, name, 'index.cjs');
  writeFileSync(path, `require('@tensorflow/tfjs-core');`);
  return path;
}

/** What a program prints on standard error that imports modules as plugins are imported, then selects a backend. */
function imported(...modules: string[]): string {
  const program = `const { importQuietly, selectBackend } = await import(${JSON.stringify(entry)});
    for (const path of ${JSON.stringify(modules)}) await importQuietly(() => import(path));
    await selectBackend({ backend: 'cpu' });`;
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=@tfjs-peft/source', '--import=tsx', '--input-type=module', '--eval', program],
    {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  expect(status).toBe(0);
  return stderr;
}

describe('a second TensorFlow.js', () => {
  it('is one warning that names both, however many modules bring it', () => {
    const lines = imported(moduleWithCopy('one'), moduleWithCopy('two')).split('\n');
    const warnings = lines.filter((line) => line.includes('TENSORFLOW_COPIES'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/2 copies .*tfjs-core and .*tfjs-core/);
    expect(warnings[0]).toContain(join(root, 'one'));
    expect(lines.filter((line) => line.includes('already registered'))).toEqual([]);
  });
  it('is not looked for in vain', () => {
    const path = join(root, 'plain.mjs');
    writeFileSync(path, 'export const plugin = {};');
    expect(imported(path)).toBe('');
  });
});
