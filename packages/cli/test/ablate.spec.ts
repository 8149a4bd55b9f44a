import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { fakeIo } from './fake-io.js';
import { runCli } from '../src/run-cli.js';

const quick = fileURLToPath(new URL('../../../configs/quick.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-ablate-'));

async function command(...args: readonly string[]) {
  const { io, texts } = fakeIo();
  const code = await runCli([...args], io);
  return { code, ...texts };
}
const plan = (file: string, ...options: readonly string[]) =>
  command('ablate', file, '--dry-run', '--no-calibrate', ...options);

describe('ablate', () => {
  it('prints the plan: runs, what they share, what they can separate', async () => {
    const { code, out } = await plan(quick);
    expect(code).toBe(0);
    expect(out).toMatch(/1 cells.*spam-subjects-minilm-100/);
    expect(out).toMatch(/C \(from the runs of A\), D \(from the runs of B\)/);
    expect(out).toMatch(/18 runs; 6 more results share a run/);
    expect(out).toMatch(/smallest difference .* \(3 splits\) \d+\.\d+ standard deviations/);
    const json = JSON.parse((await plan(quick, '--json')).out) as { trials: number; power: { splits: number } };
    expect(json).toMatchObject({ trials: 18, shared: 6, power: { splits: 3 } });
  });

  it('asks before more runs than expected', async () => {
    const { code, err } = await command(
      'ablate',
      quick,
      '--no-calibrate',
      '--max-trials',
      '5',
      '--backend',
      'wasm',
      '--output',
      join(folder, 'x'),
    );
    expect(code).toBeGreaterThan(0);
    expect(err).toMatch(/18 runs.*at most 5.*--yes/);
  });

  it.each([
    ['methods: [lorra]', /did you mean "lora"/],
    ['methods: [lora]\nshotz: [3]', /shotz/],
    ['methods: []', /methods/],
  ])('refuses %j in one line', async (text, message) => {
    const file = join(folder, 'grid.yaml');
    writeFileSync(file, `version: 1\ntasks: [spam-subjects]\n${text}\n`);
    const { code, out, err } = await plan(file);
    expect({ failed: code > 0, out }).toEqual({ failed: true, out: '' });
    expect(err).toMatch(message);
  });

  it('report: a folder that is no grid is said to be none', async () => {
    const { code, err } = await command('report', folder);
    expect(code).toBeGreaterThan(0);
    expect(err).toMatch(/no grid in .*tfjs-peft ablate/);
  });
});
