import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { lora } from '@tfjs-peft/lora';
import { createStream, initialValues, saveAdapter, toParameters } from '@tfjs-peft/peft-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { writeTinyCausalHost } from './tiny-causal-host.js';
import { runCli } from '../src/run-cli.js';

useTestBackend();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generate-'));
  const host = await writeTinyCausalHost(folder);
  const method = lora({ rank: 2, initialisation: 'random', alpha: 64 });
  const effective = toParameters(initialValues(method.plan(host.spec), createStream(2)));
  const adapter = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
  await (await import('node:fs/promises')).mkdir(join(folder, 'lora'));
  for (const [name, bytes] of adapter) await writeFile(join(folder, 'lora', name), bytes);
  host.dispose();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function generate(args: readonly string[], stdin: string | Uint8Array | null = null) {
  const printed = { out: '', err: '', pieces: 0 };
  const code = await runCli(['generate', ...args, '--backend', 'cpu'], {
    out: (text) => {
      printed.out += text;
      printed.pieces += 1;
    },
    err: (text) => void (printed.err += text),
    bar: null,
    width: 100,
    environment: {},
    input: () => (stdin === null ? null : Readable.from([Buffer.from(stdin)])),
    onStop: () => () => undefined,
    exit: () => undefined,
  });
  return { code, ...printed };
}

describe('tfjs-peft generate', () => {
  it('streams the continuation of one prompt', async () => {
    const { code, out, err, pieces } = await generate([folder, 'the ship', '--max-new-tokens', '6']);
    expect([code, err]).toEqual([0, '']);
    expect(out.trim().split(' ').length).toBe(6);
    expect(pieces).toBeGreaterThan(3);
  });

  it('continues with an adapter, on the host that is named', async () => {
    const plain = await generate([folder, 'the ship went', '--max-new-tokens', '8']);
    const adapted = await generate([join(folder, 'lora'), 'the ship went', '--model', folder, '--max-new-tokens', '8']);
    expect([adapted.code, adapted.err]).toEqual([0, '']);
    expect(adapted.out).not.toBe(plain.out);
  });

  it('gives several prompts from standard input as JSON, by beams', async () => {
    const { code, out } = await generate(
      [folder, '--json', '--beams', '3', '--no-repeat-ngram', '2', '--max-new-tokens', '6'],
      'the sea\na ship\n',
    );
    expect(code).toBe(0);
    const found = JSON.parse(out);
    expect(found.map(({ prompt }: { prompt: string }) => prompt)).toEqual(['the sea', 'a ship']);
    expect(found.every(({ score }: { score: number }) => score < 0)).toBe(true);
  });

  it('writes no group of tokens twice where it is told so', async () => {
    const tokens = ['--json', '--max-new-tokens', '12'];
    const wordsOf = ({ out }: { out: string }) => (JSON.parse(out) as { text: string }[])[0]!.text.trim().split(' ');
    const free = wordsOf(await generate([folder, 'the ship', ...tokens]));
    const words = wordsOf(await generate([folder, 'the ship', ...tokens, '--no-repeat-ngram', '1']));
    expect(new Set(free).size).toBeLessThan(free.length);
    expect(new Set(words).size).toBe(words.length);
  });

  it('ends before a word that ends it', async () => {
    const [{ text }] = JSON.parse((await generate([folder, 'the', '--json', '--max-new-tokens', '9'])).out);
    const word = text.trim().split(' ')[2];
    const [stopped] = JSON.parse(
      (await generate([folder, 'the', '--json', '--stop', word, '--max-new-tokens', '9'])).out,
    );
    expect(stopped.reason).toBe('complete');
    expect(stopped.text).toBe(text.slice(0, text.indexOf(word)));
    // A stream shows nothing of a stop text of two words, the first of which comes first.
    const both = text.trim().split(' ').slice(2, 4).join(' ');
    const streamed = await generate([folder, 'the', '--stop', both, '--max-new-tokens', '9']);
    expect(streamed.out).toBe(`${text.slice(0, text.indexOf(both))}\n`);
  });

  it('reads standard input in its encoding, without a byte order mark', async () => {
    const options = [folder, '--max-new-tokens', '1', '--json'];
    const prompts = ({ out }: { readonly out: string }) =>
      (JSON.parse(out) as { prompt: string }[]).map(({ prompt }) => prompt);
    expect(prompts(await generate(options, '\ufeffthe ship\r\n\nthe sea'))).toEqual(['the ship', 'the sea']);
    const latin = Buffer.from('caf\xe9\n', 'latin1');
    expect(prompts(await generate([...options, '--encoding', 'latin1'], latin))).toEqual(['café']);
    const refused = await generate(options, latin);
    expect([refused.code, JSON.parse(refused.out)]).toEqual([
      1,
      { error: { code: 'TASK_FILE_UNREADABLE', message: expect.stringMatching(/standard input: .*--encoding/) } },
    ]);
  });

  it('says what is wrong', async () => {
    expect((await generate([folder], '')).err).toContain('no prompt');
    for (const [args, said] of [
      [['--temperature', '2'], '--temperature without --sample'],
      [['--top-k', '2', '--beams', '2'], '--top-k without --sample'],
      [['--sample', '--beams', '2'], '--sample and --beams'],
      [['--length-penalty', '2'], '--length-penalty without --beams'],
      [['--stop', ''], 'It must have a character'],
      [['--encoding', 'latin1'], '--encoding with prompts as arguments'],
    ] as const)
      expect(await generate([folder, 'the', ...args])).toMatchObject({ code: 2, err: expect.stringContaining(said) });
    const long = await generate([folder, 'the', '--max-new-tokens', '999']);
    expect([long.code, long.err]).toEqual([1, expect.stringContaining('a prompt of 1 tokens and 999 new ones')]);
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')).model_type).toBe('llama');
  });
});
