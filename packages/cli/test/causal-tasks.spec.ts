import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { fakeIo } from './fake-io.js';
import { writeTinyCausalHost } from './tiny-causal-host.js';
import { runCli } from '../src/run-cli.js';

useTestBackend();

let folder: string;
const inside = (...names: readonly string[]) => join(folder, ...names);

async function command(...args: readonly string[]) {
  const { io, texts } = fakeIo();
  const code = await runCli([...args, '--backend', 'cpu'], io);
  return { code, ...texts };
}

const train = (name: string, ...more: readonly string[]) => [
  'run',
  ...['--task', inside('ships.csv'), '--text-column', 'source', '--label-column', 'target', '--model', inside('host')],
  ...['--prompt-template', 'the {source} :', '--shots', '4', '--seed', '13', '--steps', '6', '--jobs', '1', '--quiet'],
  ...['--set', 'data.maxTokens=24', '--set', 'test.generation.maxNewTokens=6', '--set', 'train.batchSize=2'],
  ...['--set', 'train.learningRate=0.05', '--output', inside(name), ...more],
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'causal-tasks-'));
  await mkdir(inside('host'));
  (await writeTinyCausalHost(inside('host'))).dispose();
  const rows = Array.from({ length: 20 }, (_, row) => [
    ['sea', 'ship', 'home', 'a ship'][row % 4],
    ['the ship went home .', 'a sea came over the ship .'][row % 2],
  ]);
  await writeFile(inside('ships.csv'), [['source', 'target'], ...rows].map((cells) => cells.join(',')).join('\n'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Trial {
  readonly method: string;
  readonly folder: string;
  readonly headlineMetric: string;
  readonly devMetric?: string;
  readonly dev?: { readonly headline: number };
  readonly test: Record<string, { metrics: Record<string, number>; intervals: Record<string, number[]>; rows: number }>;
}

describe('a causal language model from training to deployment', () => {
  it('learns a task of texts beside the floor zero-shot', async () => {
    const { code, err } = await command(...train('run', '--methods', 'lora'));
    expect([code, err]).toEqual([0, expect.not.stringContaining('error')]);
    const { trials } = JSON.parse(await readFile(inside('run', 'results.json'), 'utf8')) as { trials: Trial[] };
    expect(trials.map(({ method }) => method)).toEqual(['zero-shot', 'lora']);
    const [zeroShot, learned] = trials as [Trial, Trial];
    expect(learned.devMetric).toBe('log_likelihood');
    expect(learned.dev!.headline).toBeLessThan(-50);
    expect(learned.headlineMetric).toBe('rougeL');
    const metrics = ({ test }: Trial) => test.test!.metrics;
    expect(Object.keys(metrics(learned))).toEqual([
      ...['rougeL', 'rouge1', 'rouge2', 'bleu', 'log_likelihood', 'perplexity'],
    ]);
    expect(metrics(learned).perplexity!).toBeLessThan(metrics(zeroShot).perplexity!);
    expect(metrics(learned).perplexity).toBeCloseTo(Math.exp(-metrics(learned).log_likelihood! / 100), 6);
    const [low, high] = learned.test.test!.intervals.perplexity!;
    expect(low!).toBeLessThanOrEqual(metrics(learned).perplexity!);
    expect(high!).toBeGreaterThanOrEqual(metrics(learned).perplexity!);
    const lines = (await readFile(inside('run', learned.folder, 'predictions.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(4);
    const line = JSON.parse(lines[0]!) as Record<string, unknown>;
    expect(Object.keys(line)).toEqual([
      ...[
        'split',
        'row',
        'text',
        'references',
        'log_probability',
        'tokens',
        'bytes',
        'rougeL',
        'rouge1',
        'rouge2',
        'bleu',
      ],
    ]);
    const summed = lines.map((each) => JSON.parse(each) as { log_probability: number; tokens: number });
    const total = (pick: (one: (typeof summed)[number]) => number) => summed.reduce((sum, one) => sum + pick(one), 0);
    expect(total((one) => one.log_probability) / total((one) => one.tokens / 100)).toBeCloseTo(
      metrics(learned).log_likelihood!,
      // Lines have six significant digits.
      2,
    );
    const history = await readFile(inside('run', 'history.svg'), 'utf8');
    expect(history).toContain('dev log_likelihood');
    expect(history).not.toContain('dev rougeL');
  });

  it('logs the likelihood of the midpoint beside that of draws', async () => {
    const { code } = await command(
      ...train('simplex', '--methods', 'prefix-flat-subspace', '--set', 'train.validation.draws=2'),
    );
    expect(code).toBe(0);
    const { trials } = JSON.parse(await readFile(inside('simplex', 'results.json'), 'utf8')) as { trials: Trial[] };
    const { folder: own } = trials.find(({ method }) => method === 'prefix-flat-subspace')!;
    const rows = (await readFile(inside('simplex', own, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const dev = rows.map((row) => JSON.parse(row)).filter(({ split }: { split: string }) => split === 'dev');
    expect(dev.length).toBeGreaterThan(0);
    for (const { headline, metrics, midpointMetrics } of dev) {
      expect(metrics.log_likelihood).toBe(headline);
      expect(midpointMetrics.log_likelihood).toBeCloseTo(-100 * Math.log(midpointMetrics.perplexity), 8);
    }
    expect(await readFile(inside('simplex', 'history.svg'), 'utf8')).toContain('midpoint');
  });

  it('is tested again, continues prompts, and is merged into a model that says the same', async () => {
    const again = await command('eval', inside('run'), '--point', 'midpoint', '--json', '--quiet');
    expect([again.code, again.err]).toEqual([0, '']);
    const results = JSON.parse(await readFile(inside('run', 'results.json'), 'utf8')) as { trials: Trial[] };
    expect((JSON.parse(again.out) as { results: Trial['test'] }).results.test!.metrics).toEqual(
      results.trials[1]!.test.test!.metrics,
    );
    const prompts = ['the sea :', 'the ship :'];
    const spoken = await command('generate', inside('run'), ...prompts, '--max-new-tokens', '5', '--json');
    expect(spoken.code).toBe(0);
    const merged = await command('merge', inside('run'), '--output', inside('merged'));
    expect([merged.code, merged.err]).toEqual([0, '']);
    expect(merged.out).toContain('AutoModelForCausalLM');
    const whole = await command('generate', inside('merged'), ...prompts, '--max-new-tokens', '5', '--json');
    expect(JSON.parse(whole.out)).toEqual(JSON.parse(spoken.out));
  });

  it('refuses what classifies', async () => {
    const predicted = await command('predict', inside('run'), 'the sea');
    expect([predicted.code, predicted.err]).toEqual([1, expect.stringContaining('tfjs-peft generate')]);
    const exported = await command('export', inside('run'), '--format', 'onnx', '--output', inside('onnx'));
    expect([exported.code, exported.err]).toEqual([1, expect.stringContaining('graphs are written of encoders alone')]);
    const label = await command('eval', inside('run'), '--task', 'spam-subjects', '--quiet');
    expect([label.code, label.err]).toEqual([1, expect.stringContaining('the adapter predicts texts')]);
  });

  it.each([
    ['a head and nothing else', ['--methods', 'head']],
    ['the recipe "contrastive"', ['--methods', 'contrastive-lora']],
    ['the floor majority', ['--methods', 'majority', '--no-floors']],
    ['room for a prompt', ['--methods', 'lora', '--no-floors', '--set', 'test.generation.maxNewTokens=20']],
    ['group "x"', ['--methods', 'lora', '--group', 'x']],
    ['beams: Too small', ['--methods', 'lora', '--set', 'test.generation.beams=0']],
  ])('says what does not fit: %s', async (what, more) => {
    const { code: exit, err } = await command(...train(`bad-${what.replace(/\W/g, '')}`, ...more));
    expect(exit).toBeGreaterThan(0);
    expect(err).toContain(what);
  });

  it('plans a run, with heads left out', async () => {
    const { code, out } = await command(...train('plan', '--methods', 'lora,prefix-subspace', '--dry-run', '--json'));
    expect(code).toBe(0);
    const { methods } = JSON.parse(out) as { methods: { method: string; error: string | null }[] };
    expect(methods.map(({ method, error }) => [method, error])).toEqual([
      ['zero-shot', null],
      ['lora', null],
      ['prefix-subspace', null],
    ]);
  });
});
