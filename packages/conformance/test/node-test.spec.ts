import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const suite = fileURLToPath(new URL('third-party/scale-method.test.mjs', import.meta.url));

describe('node:test', () => {
  it('runs the kit on a method written in plain JavaScript, without Jest', async () => {
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
    const flags = ['--conditions=@tfjs-peft/source', '--import', 'tsx', '--test', '--test-reporter=tap', suite];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: root, env, maxBuffer: 1e7 });
    expect(stdout).toMatch(/# fail 0$/m);
    expect(Number(/# pass (\d+)/.exec(stdout)![1])).toBeGreaterThan(20);
    // What has no meaning for a method is shown as skipped, with its reason.
    expect(stdout).toMatch(/# SKIP the method has no file format of HF peft/);
  });
});
