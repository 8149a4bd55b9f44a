import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GradientAnalysis } from '@tfjs-peft/eval';
import { fakeIo } from './fake-io.js';
import { writeModel } from './tiny-model.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { runCli } from '../src/run-cli.js';
import { taskPart } from '../src/commands/run-options.js';

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
      ['analyse', 'gradients', '--model', model, '--backend', 'wasm', '--output', folder, ...args],
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

  it('keeps the results of another task or of other rows, and names its folder by the file', async () => {
    const options = [
      '--shots',
      '2',
      '--batches',
      '1',
      '--batch-size',
      '2',
      '--text-column',
      'text',
      '--label-column',
      'label',
    ];
    const file = join(folder, 'mail.csv');
    const rows = (word: string) =>
      `text,label\n${Array.from({ length: 20 }, (_, row) => `${word} ${row},${row % 2 ? 'a' : 'b'}\n`).join('')}`;
    await writeFile(file, rows('one'));
    const before = await readFile(join(folder, 'gradients.json'), 'utf8');
    const other = { code: 1, out: '', err: expect.stringMatching(/holds results of task "spam-subjects", not "mail"/) };
    expect(await analyse(...options, '--task', file)).toMatchObject(other);
    expect(await readFile(join(folder, 'gradients.json'), 'utf8')).toBe(before);
    const own = join(folder, 'own');
    expect((await analyse(...options, '--task', file, '--output', own)).code).toBe(0);
    await writeFile(file, rows('two'));
    expect(await analyse(...options, '--task', file, '--output', own)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/holds results of other rows than .*mail\.csv has now/),
    });
    expect(
      taskPart({
        version: 1,
        task: 'file',
        methods: [],
        data: { file: { file: 'a/mail.csv', textColumn: 'x', labelColumn: 'y' } },
      }),
    ).toBe('mail');
  });

  it('says what it does not know', async () => {
    expect(await analyse('--task', 'no-such-task')).toMatchObject({
      out: '',
      err: expect.stringMatching(/^error: .*no-such-task/m),
    });
    expect((await analyse('--batches', '0')).code).toBe(2);
  });
});
