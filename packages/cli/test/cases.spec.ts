import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { loadHost } from '@tfjs-peft/transformer';
import { runCli } from '../src/run-cli.js';
import { fakeIo } from './fake-io.js';

// Inputs of the kinds that public bug reports describe, through the command as a user calls it.
const cases = fileURLToPath(new URL('../../../../shared/cases/', import.meta.url));
const found = existsSync(cases);
if (!found) process.stderr.write('Skipped: no cases in the folder "shared" beside the repository.\n');
const describeCases = found ? describeOnNative : describe.skip;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cases-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function command(...args: readonly string[]) {
  const { io, texts } = fakeIo();
  const code = await runCli([...args, '--quiet', '--backend', 'wasm'], io);
  return { code, ...texts };
}
const columns = ['--text-column', 'text', '--label-column', 'label'];
const sms = ['--text-column', 'v2', '--label-column', 'v1'];
const plan = (file: string, ...options: readonly string[]) =>
  command('run', '--task', cases + file, '--methods', 'head', '--dry-run', '--shots', '8', ...options);
const roberta = ['--model', `${cases}roberta-with-pooler`];
const predict = (...args: readonly string[]) => command('predict', `${cases}roberta-lora-dense`, ...roberta, ...args);

describeCases('tables that users bring', () => {
  it.each<[string, readonly string[]]>([
    ['sms-style.csv', sms],
    ['sms-style-latin1.csv', [...sms, '--encoding', 'latin1']],
    ['no-header.tsv', [...columns, '--column-names', 'label,text']],
    ['intents-150.csv', [...columns, '--max-labels', '150', '--shots', '200']],
    ['semicolon.csv', [...columns, '--delimiter', ';']],
    ['class-label.parquet', columns],
    ['zstd.parquet', columns],
  ])('%s is read', async (file, options) => {
    const { code, err } = await plan(file, ...options);
    expect(code).toBe(0);
    expect(err).not.toMatch(/error/);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['struct-text.parquet', columns, /row 0: a record with fields in column "text"/],
    ['token-list.jsonl', columns, /line 1: a list of 4 values in column "text"/],
    ['multi-label.jsonl', columns, /line 1: a list of 2 values in column "label".*one label/],
    ['sms-style-latin1.csv', sms, /not utf-8.*--encoding/],
    ['no-header.tsv', columns, /--column-names label,text/],
    ['SMSSpamCollection', columns, /no ending of a labelled file.*\.tsv/],
    ['intents-150.csv', columns, /150 distinct labels.*--max-labels 150/],
    ['semicolon.csv', columns, /separated by ;.*--delimiter ';'/],
    ['rare-class.csv', [...columns, '--shots', '2000'], /2000 train \+ 2000 dev.*at most its 98/],
    [
      'rare-class.csv',
      [...columns, '--protocol', 'per_class', '--set', 'data.devSize=2'],
      /devSize with protocol per_class.*protocol fixed/,
    ],
    ['nearly-one-class.csv', columns, /never hold two classes.*protocol per_class/],
  ])('%s: one line says what is wrong and what to do', async (file, options, message) => {
    const { code, err, out } = await plan(file, ...options);
    expect({ failed: code > 0, out }).toEqual({ failed: true, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/lmbff|unipelt|\n.*\n/);
  });

  it('a class without a training text is named, whether the plan is quiet or not', async () => {
    const { code, err } = await plan('rare-class.csv', ...columns, '--shots', '16');
    expect(code).toBe(0);
    expect(err).toMatch(/no training text of class "rare".*per_class/);
  });

  it('numbers that differ in spelling only are one class; names of classes are kept', async () => {
    const probe = async (file: string, spelling: RegExp, ...options: string[]) => {
      const output = join(folder, file);
      const args = ['--methods', 'majority', '--no-floors', '--seeds', '1', '--shots', '8', '--output', output];
      const { code, err } = await command('run', '--task', cases + file, ...columns, ...args, ...options);
      expect(code).toBe(0);
      expect(err).toMatch(spelling);
      const [trial] = (JSON.parse(readFileSync(join(output, 'results.json'), 'utf8')) as Results).trials;
      const lines = readFileSync(join(output, trial!.folder, 'predictions.jsonl'), 'utf8')
        .trim()
        .split('\n');
      return new Set(lines.map((line) => String((JSON.parse(line) as { label: unknown }).label)));
    };
    expect((await probe('label-1-and-1.0.csv', /2 ways \("1", "1\.0"\)/)).size).toBe(2);
    expect((await probe('label-int.csv', /^$/, '--test-file', `${cases}label-float-test.csv`)).size).toBe(2);
    expect(await probe('class-label.parquet', /^$/)).toEqual(new Set(['neg', 'pos']));
  });
});
interface Results {
  readonly trials: readonly { readonly folder: string }[];
}

describeCases('texts to predict', () => {
  it('an adapter of HF peft on a checkpoint with a pooler gives the logits of HF', async () => {
    const { texts, logits } = JSON.parse(readFileSync(`${cases}roberta-lora-dense/expected-logits.json`, 'utf8')) as {
      texts: string[];
      logits: number[][];
    };
    const { out } = await predict('--json', ...texts);
    const got = JSON.parse(out) as { probabilities: Record<string, number> }[];
    logits.forEach((row, i) => {
      const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
      row.forEach((x, label) => expect(got[i]!.probabilities[`LABEL_${label}`]).toBeCloseTo(Math.exp(x) / total, 5));
    });
  });

  it.each<[string, readonly string[], RegExp]>([
    ['predict-latin1.txt', [], /not utf-8.*--encoding/],
    ['predict.csv', [], /which column holds the text.*--text-column/],
  ])('%s is refused, and the line says why', async (file, options, message) => {
    const { code, out, err } = await predict('--file', cases + file, ...options);
    expect({ failed: code > 0, out }).toEqual({ failed: true, out: '' });
    expect(err).toMatch(message);
  });

  it('tables are read as tables, blank lines keep their number', async () => {
    const csv = await predict('--file', `${cases}predict.csv`, '--text-column', 'text');
    expect(csv.out).toMatch(/^LABEL_\d +\S+ +soup, salt and "bread"\nLABEL_\d +\S+ +two line field\n$/);
    const parquet = await predict('--file', `${cases}zstd.parquet`, '--text-column', 'text');
    expect(parquet.out).toMatch(/bad film number 0\n.*good film number 1\n/);
    const { out, err } = await predict('--file', `${cases}predict-blank-lines.txt`);
    expect(out.split('\n').map((line) => line.split(/ {2,}/).at(-1))).toEqual(['soup', '', '', 'goal', '']);
    expect(err).toMatch(/no text in line 2, line 3/);
  });

  it('a host that is not on this machine is said to be so', async () => {
    const { err } = await command('predict', `${cases}adapter-posix-path`, 'a text');
    expect(err).toMatch(/folder that is not on this machine.*--model/);
  });
});

describeCases('hosts that users bring', () => {
  it.each(['host-do-lower-case-false', 'host-added-tokens'])('%s: ids of HF', async (name) => {
    const { tokenizer, host } = await loadHost(cases + name);
    const expected = JSON.parse(readFileSync(`${cases}${name}/expected-ids.json`, 'utf8')) as Record<string, number[]>;
    for (const [text, ids] of Object.entries(expected))
      expect([text, [...tokenizer.encode(text, { maxTokens: 64 }).inputIds]]).toEqual([text, ids]);
    host.dispose();
  });

  it('the pooling of sentence-transformers in its short form', async () => {
    const { host } = await loadHost(`${cases}host-pooling-compact-mean`);
    expect(host.spec.defaultReadout).toBe('mean');
    host.dispose();
  });

  it('NaN in a weight is refused by name, before anything runs', async () => {
    const output = join(folder, 'nan');
    const { code, err } = await command(
      ...['run', '--task', `${cases}label-int.csv`, ...columns, '--model', `${cases}host-nan`],
      ...['--methods', 'linear-probe', '--no-floors', '--shots', '8', '--seeds', '1', '--output', output],
    );
    expect(code).toBe(1);
    expect(err).toMatch(/NaN or infinite numbers in encoder\.layer\.0\.output\.dense\.bias/);
  });

  it('a file with an eight-bit type nobody asks for', async () => {
    const name = 'f8-fnuz.safetensors';
    const file = await openSafetensors(bytesSource(name, new Uint8Array(readFileSync(cases + name))));
    expect((await file.readFloat32('a')).length).toBeGreaterThan(0);
  });
});

describeCases('numbers to predict', () => {
  it('prices are learnt as scores are, and predicted as prices', async () => {
    const predictions = async (file: string) => {
      const output = join(folder, file);
      const { code } = await command(
        ...['run', '--task', cases + file, ...columns, '--regression', '--methods', 'lora', '--no-floors'],
        ...['--model', `${cases}host-pooling-compact-mean`, '--seeds', '1', '--shots', '24', '--steps', '40'],
        ...['--output', output],
      );
      expect(code).toBe(0);
      const [trial] = (JSON.parse(readFileSync(join(output, 'results.json'), 'utf8')) as Results).trials;
      const lines = readFileSync(join(output, trial!.folder, 'predictions.jsonl'), 'utf8')
        .trim()
        .split('\n');
      return lines.map((line) => (JSON.parse(line) as { predicted: number }).predicted);
    };
    const [prices, scores] = [await predictions('price.csv'), await predictions('score.csv')];
    prices.forEach((price, row) => expect(price / 1000).toBeCloseTo(scores[row]!, 2));
    expect(Math.min(...prices)).toBeGreaterThan(1000);
    expect(Math.max(...prices)).toBeLessThan(5000);
  });
});
