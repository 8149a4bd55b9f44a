import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { runCli } from '../src/run-cli.js';
import { fakeIo } from './fake-io.js';

// Small hostile files, through the command as a user calls it.
const attacks = fileURLToPath(new URL('../../../../shared/attacks/', import.meta.url));
const found = existsSync(attacks);
if (!found) process.stderr.write('Skipped: no attacks in the folder "shared" beside the repository.\n');
const describeAttacks = found ? describeOnNative : describe.skip;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attacks-'));
  if (!found) return;
  cpSync(attacks, folder, { recursive: true });
  for (const packed of ['wide.csv.xz', 'many-unknown-keys/adapter_config.json.xz'])
    spawnSync('xz', ['-d', join(folder, packed)]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function command(...args: readonly string[]) {
  const { io, texts } = fakeIo();
  return { code: await runCli(args, io), ...texts };
}
const wasm = ['--backend', 'wasm', '--quiet'];
const predict = (adapter: string, model = 'minilm', text = 'hello') =>
  command('predict', join(folder, adapter), text, '--model', model === 'minilm' ? model : join(folder, model), ...wasm);
const plan = (file: string, ...options: readonly string[]) =>
  command('run', '--task', join(folder, file), ...options, '--methods', 'head', '--dry-run', ...wasm);
const configuration = (file: string) => command('run', '--config', join(folder, file), '--dry-run', ...wasm);

describeAttacks('files that attack', () => {
  it('code that a folder names is not run', async () => {
    const { code, err } = await predict('rce-run-folder');
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*asks for the plugin "data:.*a URL is never imported/);
    expect((await predict('rce-run-folder/adapter')).code).toBe(0);
    expect(existsSync('PWNED') || existsSync(join(folder, 'PWNED'))).toBe(false);
  });

  const columns = ['--text-column', 'text', '--label-column', 'label'];
  it.each<[string, () => ReturnType<typeof command>, RegExp]>([
    ['hang-1127.parquet', () => plan('parquet/hang-1127.parquet', ...columns), /not read after 10\.0 seconds/],
    ['hang-2079.parquet', () => plan('parquet/hang-2079.parquet', ...columns), /not read after 10\.0 seconds/],
    ['host-many-layers', () => predict('good-lora', 'host-many-layers'), /num_hidden_layers: Too big/],
    ['host-added-tokens-null', () => predict('good-lora', 'host-added-tokens-null'), /added_tokens\.4/],
    ['redos-lora-rank-pattern', () => predict('redos-lora-rank-pattern'), /more than 10000000 steps/],
    ['to-string-key', () => predict('to-string-key'), /"modules_to_save" names/],
    ['to-string-peft-type', () => predict('to-string-peft-type'), /no method here reads/],
    [
      'to-string-peft-type, inspected',
      () => command('inspect', join(folder, 'to-string-peft-type')),
      /Expected: the name of a method/,
    ],
    ['many-keys.yaml', () => configuration('many-keys.yaml'), /188889 characters of YAML/],
    ['flow-map.yaml', () => configuration('flow-map.yaml'), /100002 characters of YAML/],
    // Read to its end: the file holds one label alone.
    ['wide.csv', () => plan('wide.csv', '--text-column', 'c0', '--label-column', 'c1'), /only the label "1"/],
  ])('%s: one line says what is wrong', async (_name, attack, message) => {
    const { code, out, err } = await attack();
    expect({ refused: code === 1 || code === 2, out }).toEqual({ refused: true, out: '' });
    expect(err).toMatch(message);
    expect(err).toMatch(/^error: .{1,2000}\n$/);
  });

  it.each(['many-keys', 'flow-map'])('%s.yaml as the experiment of a finished run', async (name) => {
    const run = `run-${name}`;
    cpSync(join(folder, 'good-lora'), join(folder, run, 'adapter'), { recursive: true });
    cpSync(join(folder, `${name}.yaml`), join(folder, run, 'experiment.yaml'));
    const { code, err } = await predict(run);
    expect(code).toBeGreaterThan(0);
    expect(err).toMatch(/^error: .*characters of YAML\..*\n$/);
  });

  it('60,000 unknown entries are a few warnings', async () => {
    const { code, out, err } = await predict('many-unknown-keys');
    expect({ code, out }).toEqual({ code: 0, out: 'LABEL_0  0.500  hello\n' });
    expect(err.split('\n').length).toBeLessThan(20);
  });

  it('an expression of a tokenizer that would never end comes to an end', async () => {
    const sentence = 'please send the minutes of the meeting on tuesday to all who came!';
    const lines = Array.from({ length: 60 }, (_, i) => `${i % 2 ? 'a' : 'b'},${sentence} ${i}`);
    writeFileSync(join(folder, 'mails.csv'), ['label,text', ...lines].join('\n'));
    const { code, err } = await command(
      ...['run', '--task', join(folder, 'mails.csv'), ...columns, '--shots', '8', '--seeds', '1', ...wasm],
      ...['--model', join(folder, 'host-tokenizer-redos'), '--methods', 'linear-probe', '--no-floors', '--jobs', '1'],
      ...['--output', join(folder, 'redos')],
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('a good one works', async () => {
    expect(await predict('good-lora')).toEqual({ code: 0, out: 'LABEL_0  0.500  hello\n', err: '' });
  });
});
