import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const bin = fileURLToPath(new URL('../bin/tfjs-peft.mjs', import.meta.url));

function run(args: readonly string[], input = '', command: readonly string[] = [process.execPath, bin]) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio: 'pipe' });
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
  if (existsSync('/dev/full'))
    it('an output that takes nothing: exit code 1, one line, no stack', async () => {
      const command = `exec "$0" "$1" doctor --backend cpu > /dev/full`;
      const { code, err } = await run([], '', ['bash', '-c', command, process.execPath, bin]);
      expect({ code, err }).toEqual({ code: 1, err: 'error: cannot write to standard output (ENOSPC).\n' });
    });
  if (process.platform !== 'win32')
    it('a progress that nobody reads ends nothing', async () => {
      const command = `("$0" "$1" run --task spam-subjects --methods majority --no-floors --seeds 1 --jobs 1 --backend cpu \
        --output "$2" > "$2.out"; echo $? > "$2.code") 2> >(exec <&-)`;
      const folder = join(mkdtempSync(join(tmpdir(), 'tfjs-peft-bin-')), 'run');
      await run([], '', ['bash', '-c', command, process.execPath, bin, folder]);
      expect(readFileSync(`${folder}.code`, 'utf8')).toBe('0\n');
      expect(readFileSync(`${folder}.out`, 'utf8')).toContain('majority');
    });
  it('doctor names the backends on standard output', async () => {
    const { code, out } = await run(['doctor', '--backend', 'cpu', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ candidates: [{ candidate: 'cpu', usable: true }] });
  });
});
