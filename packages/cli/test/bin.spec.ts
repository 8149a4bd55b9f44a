import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const bin = fileURLToPath(new URL('../bin/tfjs-peft.mjs', import.meta.url));

function run(args: readonly string[], input = '') {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { stdio: 'pipe' });
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.end(input);
  });
}

describe('the command in a process of its own', () => {
  it('--help: exit code 0, on standard output', async () => {
    const { code, out, err } = await run(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Usage: tfjs-peft');
  });
  it('wrong usage: exit code 2, on standard error', async () => {
    const { code, out, err } = await run(['demo', '--bogus']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain("unknown option '--bogus'");
  });
  it('an error: exit code 1, one line, no stack', async () => {
    const { code, out, err } = await run(['predict', 'no-such-folder'], 'a line from standard input\n');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error: no folder "no-such-folder".*\n$/);
  });
  it('doctor names the backends on standard output', async () => {
    const { code, out } = await run(['doctor', '--backend', 'cpu', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ candidates: [{ candidate: 'cpu', usable: true }] });
  });
});
