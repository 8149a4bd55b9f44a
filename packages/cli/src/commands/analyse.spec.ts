import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GradientAnalysis } from '@tfjs-peft/eval';
import { fakeIo } from '../../test/fake-io.js';
import { writeModel } from '../../test/tiny-model.js';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { runCli } from '../run-cli.js';

useTestBackend();

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'analyse-'));
  model = await writeModel(join(folder, 'model'), 0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function analyse(...args: readonly string[]) {
  const { io, texts } = fakeIo();
  return {
    code: await runCli(
      ['analyse', 'gradients', '--model', model, ...args, '--backend', 'wasm', '--output', folder],
      io,
    ),
    ...texts,
  };
}

describe('analyse gradients', () => {
  it('prints the table, writes the page and the numbers', async () => {
    const { code, out, err } = await analyse('--shots', '8', '--batches', '1', '--batch-size', '4');
    expect(code).toBe(0);
    expect(out).toMatch(/top 0\.1 %.*random: top 0\.1 %/);
    for (const role of ['query', 'value', 'feedForwardOut', 'all']) expect(out).toMatch(new RegExp(`^${role} `, 'm'));
    expect(out).toContain(join(folder, 'gradients.html'));
    expect(err).not.toContain('warning');
    const { rows, batches, batchSize } = JSON.parse(
      await readFile(join(folder, 'gradients.json'), 'utf8'),
    ) as GradientAnalysis;
    expect({ batches, batchSize, weights: rows.length }).toEqual({ batches: 1, batchSize: 4, weights: 2 * 6 });
    for (const { pretrained, random } of rows)
      for (const shares of [pretrained, random]) {
        expect(shares).toHaveLength(3);
        expect([...shares].sort((a, b) => a - b)).toEqual(shares);
        expect(Math.min(...shares)).toBeGreaterThan(0);
        expect(Math.max(...shares)).toBeLessThanOrEqual(1 + 1e-6);
      }
    const page = await readFile(join(folder, 'gradients.html'), 'utf8');
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/(src|href)="http/);
  });

  it('says what it does not know', async () => {
    expect(await analyse('--task', 'no-such-task')).toMatchObject({
      out: '',
      err: expect.stringMatching(/^error: .*no-such-task/m),
    });
    expect((await analyse('--batches', '0')).code).toBe(2);
  });
});
