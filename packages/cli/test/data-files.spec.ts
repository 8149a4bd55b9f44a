import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fakeIo } from './fake-io.js';
import { runCli } from '../src/run-cli.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'data-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `run --dry-run` on a file of this content. */
async function plan(name: string, content: string | Uint8Array, ...options: readonly string[]) {
  const file = join(folder, name);
  await writeFile(file, content);
  const { io, texts } = fakeIo();
  const args = ['run', '--task', file, '--methods', 'head', '--dry-run', '--shots', '8', ...options];
  return { code: await runCli(args, io), ...texts };
}
const rows = (line: (i: number) => string, count = 40) =>
  `${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`;
const label = (i: number) => (i % 2 ? 'pos' : 'neg');
const columns = ['--text-column', 'text', '--label-column', 'label'];
const csv = `text,label\n${rows((i) => `film number ${i},${label(i)}`)}`;

describe('labelled files in the command: what a message advises, an option does', () => {
  it.each<[string, string, string | Uint8Array, string[], RegExp, string[]]>([
    ['columns', 'a.csv', csv, [], /no --text-column and no --label-column for the file.*a\.csv/, columns],
    [
      'a separator',
      'b.csv',
      csv.replaceAll(',', ';'),
      columns,
      /separated by ;.*--delimiter ';'/,
      [...columns, '--delimiter', ';'],
    ],
    [
      'an encoding',
      'c.csv',
      Buffer.from(csv.replaceAll('film', 'café'), 'latin1'),
      columns,
      /not utf-8.*--encoding/,
      [...columns, '--encoding', 'latin1'],
    ],
    [
      'names of columns',
      'd.tsv',
      rows((i) => `${label(i)}\tfilm ${i}`),
      columns,
      /--column-names/,
      [...columns, '--column-names', 'label,text'],
    ],
    [
      'more labels',
      'e.csv',
      `text,label\n${rows((i) => `t${i},intent_${i % 150}`, 600)}`,
      columns,
      /150 distinct labels.*--max-labels 150/,
      [...columns, '--max-labels', '150'],
    ],
    [
      'empty texts',
      'f.csv',
      csv.replace('film number 3', ''),
      columns,
      /empty text in line 5.*--empty-text/,
      [...columns, '--empty-text', 'drop'],
    ],
    [
      'unnamed columns',
      'g.csv',
      csv.replaceAll(/$/gm, ',,').replace(/\n,,$/, '\n'),
      ['--text-column', 'txt'],
      /./,
      columns,
    ],
  ])('%s', async (_, name, content, before, advice, after) => {
    const refused = await plan(name, content, ...before);
    expect([refused.code === 0, refused.out]).toEqual([false, '']);
    expect(refused.err).toMatch(advice);
    const taken = await plan(name, content, ...after);
    expect([taken.code, taken.err]).toEqual([0, expect.not.stringContaining('error:')]);
    expect(taken.out).toContain('This is a plan');
  });

  it('a name without an ending is said to be one', async () => {
    const { code, err } = await plan(
      'SMSSpamCollection',
      rows((i) => `${label(i)}\tfilm ${i}`),
      ...columns,
    );
    expect([code, err]).toEqual([2, expect.stringMatching(/--text-column with the task.*no ending.*\.tsv/)]);
  });

  it('options change the file of a configuration instead of being dropped', async () => {
    await writeFile(join(folder, 'h.csv'), csv.replaceAll(',', ';'));
    const config = join(folder, 'h.yaml');
    await writeFile(
      config,
      `{version: 1, task: file, methods: [head], data: {shots: 8, file: {file: ${join(folder, 'h.csv')}, textColumn: text, labelColumn: label}}}`,
    );
    const { io } = fakeIo();
    expect(await runCli(['run', '--config', config, '--dry-run'], io)).toBe(1);
    expect(await runCli(['run', '--config', config, '--dry-run', '--delimiter', ';'], io)).toBe(0);
    const { io: other, texts } = fakeIo();
    expect(await runCli(['run', '--delimiter', ';', '--set', 'task=sst2'], other)).toBe(2);
    expect(texts.err).toContain('--delimiter without a labelled file');
  });

  it('a plan that cannot be cut is an error, one that leaves a class out a warning', async () => {
    const many = await plan('i.csv', csv, ...columns, '--shots', '2000');
    expect([many.code, many.err]).toEqual([1, expect.stringMatching(/2000 train/)]);
    const rare = csv.replace('film number 0,neg', 'film number 0,rare');
    const { code, err } = await plan('j.csv', rare, ...columns, '--shots', '4', '--seed', '1');
    expect([code, err]).toEqual([0, expect.stringMatching(/^warning: .*class "rare".*protocol per_class/m)]);
    const one = `text,label\n${rows((i) => `t${i},${i === 1 ? 'b' : 'a'}`)}`;
    expect((await plan('k.csv', one, ...columns)).err).toContain('protocol per_class');
    expect((await plan('l.csv', csv, ...columns, '--protocol', 'per_class', '--set', 'data.devSize=2')).err).toMatch(
      /devSize with protocol per_class.*protocol fixed/,
    );
  });
});
