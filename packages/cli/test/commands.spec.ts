import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { parseExperiment } from '@tfjs-peft/eval';
import { fakeIo } from './fake-io.js';
import { demoExperiment } from '../src/demo-experiment.js';
import { shellCommand } from '../src/commands/execute-experiment.js';
import { runCli } from '../src/run-cli.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tfjs-peft-cli-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function cli(...args: string[]) {
  const fake = fakeIo();
  return { code: await runCli(args, fake.io), ...fake.texts };
}

interface Answer {
  readonly probabilities: Readonly<Record<string, number>>;
  readonly truncated?: boolean;
}

/** Small enough for a test: 8 labelled lines, two steps, 16 test lines. */
const small = (folder: string) => [
  ...['run', '--task', 'spam-subjects', '--shots', '8', '--steps', '2', '--test-cap', '16', '--seeds', '2'],
  ...['--methods', 'head,prefix', '--backend', 'wasm', '--jobs', '1', '--output', folder],
];

describe('a whole experiment', () => {
  let folder: string;
  beforeAll(() => {
    folder = join(root, 'whole');
  });

  it('run: table on standard output, progress on the other, files in the folder', async () => {
    const { code, out, err } = await cli(...small(folder));
    expect(code).toBe(0);
    expect(out).toMatch(/^method +n +accuracy/);
    for (const method of ['majority', 'linear-probe', 'head', 'prefix'])
      expect(out).toMatch(new RegExp(`^${method} +2 `, 'm'));
    expect(out).toContain(join(folder, 'report.html'));
    expect(out).toMatch(/^In HF peft this adapter gives other logits .*\n$/m);
    expect(err).toContain('backend: wasm');
    expect(err).toMatch(/floor majority: [\d.]+ accuracy on test/);
    expect(err).not.toContain('method  ');
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining([
        'adapter',
        'experiment.yaml',
        'plot.svg',
        'report.html',
        'results.json',
        'table.md',
        'trials',
      ]),
    );
  });

  it('run again: finished runs are used as they are; one JSON document with --json, nothing else with --quiet', async () => {
    const { code, out, err } = await cli(...small(folder), '--json', '--quiet');
    expect(code).toBe(0);
    const result = JSON.parse(out) as { trials: unknown[]; table: { rows: unknown[] }; findings: unknown[] };
    expect(result.trials).toHaveLength(8);
    expect(result.table.rows).toHaveLength(4);
    expect(err).toBe('');
    expect((await cli(...small(folder))).err).toMatch(/^8 of 8 runs were there already$/m);
  });

  it('run with other data settings in the same folder is refused', async () => {
    const { code, out, err } = await cli(...small(folder), '--shots', '9');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error: .*another configuration.*shots/m);
  });

  it('predict: label, probability, text', async () => {
    const { code, out } = await cli(
      'predict',
      folder,
      'You have won',
      "Minutes of Tuesday's meeting",
      '--backend',
      'wasm',
    );
    expect(code).toBe(0);
    expect(out).toMatch(
      /^(spam|ham) +0\.\d{3} {2}You have won\n(spam|ham) +0\.\d{3} {2}Minutes of Tuesday's meeting\n$/,
    );
    const json = await cli('predict', folder, 'You have won', '--backend', 'wasm', '--json');
    expect(JSON.parse(json.out)).toEqual([
      expect.objectContaining({ text: 'You have won', label: expect.any(String) }),
    ]);
  });

  it('predict: other names for the labels of an own adapter, texts cut elsewhere', async () => {
    const options = ['--backend', 'wasm', '--json', '--labels', 'fine,junk'];
    const text = 'You have won a very large prize';
    const whole = await cli('predict', folder, text, ...options);
    const cut = await cli('predict', folder, text, ...options, '--max-tokens', '5');
    const [[long], [short]] = [whole, cut].map(({ out }) => JSON.parse(out) as Answer[]) as [[Answer], [Answer]];
    expect(Object.keys(long.probabilities)).toEqual(['fine', 'junk']);
    expect([long.truncated ?? false, short.truncated]).toEqual([false, true]);
    expect(short.probabilities).not.toEqual(long.probabilities);
    const wrong = await cli('predict', folder, text, '--backend', 'wasm', '--labels', 'a,b,c');
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('3 names for the 2 outputs')]);
  });

  it('predict: with --json one document also where a later text is at fault', async () => {
    const fake = fakeIo({ input: () => Readable.from([Buffer.from('one\n'), Buffer.from('caf\xe9\n', 'latin1')]) });
    const code = await runCli(['predict', folder, '--backend', 'wasm', '--json'], fake.io);
    expect([code, JSON.parse(fake.texts.out)]).toEqual([
      1,
      [
        expect.objectContaining({ line: 1, text: 'one' }),
        { error: { code: 'TASK_FILE_UNREADABLE', message: expect.stringContaining('standard input') } },
      ],
    ]);
    expect(fake.texts.err).toMatch(/^error: .*standard input/m);
  });

  it('run: refuses a reference that is none of the methods before anything is trained', async () => {
    const output = join(root, 'no-reference');
    const args = ['--task', 'spam-subjects', '--shots', '8', '--methods', 'head', '--output', output];
    expect(await cli('run', ...args, '--reference', 'majorty')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--reference majorty.*did you mean "majority"/s),
    });
    expect(existsSync(output)).toBe(false);
  });

  it('eval: the comparison takes no options of a test, and a test none of the comparison', async () => {
    for (const option of [
      ['--labels', 'a,b'],
      ['--model', 'minilm'],
      ['--revision', 'x'],
      ['--plugin', 'x'],
      ['--backend', 'wasm'],
    ])
      expect(await cli('eval', folder, ...option)).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringContaining(`${option[0]} for the folder of an experiment`),
      });
    const both = await cli('eval', folder, '--point', 'midpoint', '--reference', 'majority');
    expect(both).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('--reference where one adapter is tested'),
    });
  });

  it('landscape: a folder that is not there stays away', async () => {
    const typo = join(root, 'whole-typo', 'adapter');
    expect(await cli('landscape', typo, '--backend', 'wasm')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no folder'),
    });
    expect(await readdir(root)).not.toContain('whole-typo');
  });

  it('eval: the comparison again, or the adapter at a point', async () => {
    expect((await cli('eval', folder)).out).toMatch(/^method +n +accuracy/);
    const again = await cli('eval', join(folder, 'adapter'), '--backend', 'wasm', '--json');
    const { results } = JSON.parse(again.out) as { results: { test: { headline: number } } };
    const stored = JSON.parse(await readFile(join(folder, 'results.json'), 'utf8')) as {
      adapter: { trial: string };
      trials: { folder: string; test: { test: { headline: number } } }[];
    };
    const trial = stored.trials.find(({ folder: own }) => own === stored.adapter.trial)!;
    expect(results.test.headline).toBeCloseTo(trial.test.test.headline, 9);
    const cut = await cli('eval', join(folder, 'adapter'), '--backend', 'wasm', '--json', '--max-tokens', '4');
    expect(cut.code).toBe(0);
    expect(cut.out).not.toBe(again.out);
  });

  it('a folder that names plugins runs none of them, and the refusal says how to allow them', async () => {
    const asking = join(root, 'asking');
    await cp(folder, asking, { recursive: true });
    const mark = join(root, 'PWNED');
    const plugin = join(asking, 'plugin.mjs');
    await writeFile(
      plugin,
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(mark)}, ''); export const plugin = {};`,
    );
    const path = join(asking, 'experiment.yaml');
    await writeFile(path, (await readFile(path, 'utf8')).replace('plugins: []', 'plugins: [./plugin.mjs]'));
    for (const args of [
      ['predict', asking, 'hello', '--backend', 'wasm'],
      ['eval', asking, '--point', 'midpoint', '--backend', 'wasm'],
    ]) {
      const { code, out, err } = await cli(...args);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/asks for the plugin "\.\/plugin\.mjs".*--plugin \S*plugin\.mjs/);
    }
    await cli('inspect', asking);
    await cli(...small(asking), '--resume');
    expect(await readdir(root)).not.toContain('PWNED');
    const allowed = await cli('predict', asking, 'hello', '--plugin', plugin, '--backend', 'wasm');
    expect(allowed.code).toBe(0);
    expect(await readdir(root)).toContain('PWNED');
  });

  it('export: a model for transformers.js, how far it is from here, and how to open it', async () => {
    const output = join(root, 'on--nx');
    const { code, out, err } = await cli('export', folder, '--output', output, '--dtype', 'f16', '--backend', 'wasm');
    expect(code).toBe(0);
    expect(err).toMatch(/warning: .*transformers.js 4 does not find a folder with "--"/);
    expect(out).toMatch(/differ by at most \d\.\de-\d/);
    expect(out).toContain(`pipeline('text-classification', '${output}', { dtype: 'fp32' })`);
    expect(out).toContain(`env.localModelPath = '${root}'`);
    expect(out).toContain(`pipeline('text-classification', 'on--nx', { quantized: false })`);
    const { maxTokens } = JSON.parse(
      (await cli('export', folder, '--output', join(root, 'onnx'), '--backend', 'wasm', '--json')).out,
    ) as { maxTokens: number };
    expect(maxTokens).toBe(128);
  });

  it('merge: refuses the mean readout of the defaults with the setting that helps', async () => {
    const { code, err } = await cli('merge', folder, '--output', join(root, 'merged'), '--backend', 'wasm');
    expect(code).toBe(1);
    expect(err).toMatch(/--set model.readout=pooler|tfjs-peft export/);
  });

  it('inspect: experiment, trial and adapter', async () => {
    expect((await cli('inspect', folder)).out).toContain('8 runs: 8 done, 0 failed');
    const [name] = (await readdir(join(folder, 'trials'))).filter((entry) => entry.startsWith('prefix-'));
    const trial = await cli('inspect', join(folder, 'trials', name!));
    expect(trial.out).toContain('status: done');
    expect(trial.out).toContain('COMPOSE(PREFIX_TUNING, HEAD)');
    const adapter = await cli('inspect', join(folder, 'adapter'), '--json');
    expect(JSON.parse(adapter.out)).toMatchObject({ kind: 'adapter', writtenBy: 'tfjs-peft' });
  });
});

describe('run --dry-run', () => {
  it('lists runs, parameters, coverage and memory without a tensor', async () => {
    const before = tf.memory().numTensors;
    const { code, out } = await cli('run', '--task', 'spam-subjects', '--seeds', '2', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('8 runs in runs/spam-subjects-100/trials');
    expect(out).toMatch(/prefix-subspace: 1000 steps, 5\.1 M trainable numbers/);
    expect(out).toContain('6 of 6 attention sites');
    expect(out).toMatch(/memory: host 90\.9 MB/);
    expect(tf.memory().numTensors).toBe(before);
  });
  it('is one JSON document with --json', async () => {
    const { out } = await cli('run', '--task', 'spam-subjects', '--dry-run', '--json', '--output', 'x');
    expect(JSON.parse(out)).toMatchObject({ folder: 'x', config: { task: 'spam-subjects' } });
  });
});

describe('demo', () => {
  it('is a valid experiment', () => {
    expect(() => parseExperiment(demoExperiment)).not.toThrow();
  });
  it('shows finished results at once', async () => {
    const folder = join(root, 'demo');
    await mkdir(folder);
    const trial = {
      method: 'prefix',
      kind: 'trained',
      dataSeed: 13,
      trainSeed: 0,
      status: 'done',
      headlineSplit: 'test',
      headlineMetric: 'accuracy',
      test: { test: { headline: 80, metrics: {}, undefined: 0, rows: 1 } },
      warnings: [],
      folder: 'trials/p',
      task: 't',
      shots: 100,
      simplex: undefined,
      id: 'x',
      steps: 1,
      trainableParameters: 1,
      fileBytes: 1,
      seconds: 1,
      backend: 'wasm',
      stoppedEarly: false,
      effectiveParameters: 1,
      trainSeconds: 1,
      secondsPerStep: 1,
      peakMemoryBytes: 1,
      splitHash: 's',
      configHash: 'c',
      hostFingerprint: 'h',
      subset: false,
    };
    const trials = ['linear-probe', 'prefix'].map((method) => ({ ...trial, method }));
    await writeFile(
      join(folder, 'results.json'),
      JSON.stringify({ config: parseExperiment(demoExperiment), trials, adapter: null }),
    );
    const { code, out, err } = await cli('demo', '--output', folder);
    expect(code).toBe(0);
    expect(err).toContain('--fresh starts anew');
    expect(out).toContain('To try next:');
    expect(out).toContain(`predict ${folder} "You have won" "Minutes of Tuesday's meeting"`);
  });
  it('deletes no folder that is not its own', async () => {
    const folder = join(root, 'precious');
    await mkdir(folder);
    await writeFile(join(folder, 'thesis.txt'), 'years of work');
    const { code, err } = await cli('demo', '--fresh', '--output', folder);
    expect(code).toBe(1);
    expect(err).toContain('is not deleted');
    expect(await readdir(folder)).toEqual(['thesis.txt']);
    await writeFile(join(folder, 'experiment.yaml'), 'version: 1\n');
    expect((await cli('demo', '--fresh', '--output', folder)).code).toBe(1);
    expect(await readdir(folder)).toEqual(['experiment.yaml', 'thesis.txt']);
  });
});

describe('shellCommand', () => {
  it('quotes what a shell would read otherwise', () => {
    expect(shellCommand(['run', '--set', 'a.b=1e-4', "it's", 'cost: $5', '"'])).toBe(
      `npx tfjs-peft run --set a.b=1e-4 "it's" 'cost: $5' '"'`,
    );
  });
});

describe('bad input', () => {
  it.each([
    [['run', '--task', 'sst3', '--dry-run'], 2, 'did you mean "sst2"'],
    [['run'], 2, 'no task'],
    [['run', '--task', 'sst2', '--methods', 'prefx', '--dry-run'], 2, 'did you mean "prefix"'],
    [['run', '--task', 'spam-subjects', '--set', 'train.stepz=1'], 2, 'did you mean "train.steps"'],
    [['run', '--task', 'spam-subjects', '--set', 'train.steps=none', '--dry-run'], 2, 'steps'],
    [['run', '--task', 'spam-subjects', '--seeds', '13'], 2, 'write --seed 13'],
    [['run', '--config', 'none.yaml'], 1, 'cannot read "none.yaml"'],
    [['run', '--task', 'none.csv', '--text-column', 'a', '--label-column', 'b', '--dry-run'], 1, 'none.csv'],
    [['predict', 'no-such-folder', 'text'], 1, 'no folder "no-such-folder"'],
    [['predict', 'no-such-folder'], 2, 'no text to classify'],
    [['eval', 'no-such-folder'], 1, 'no folder "no-such-folder"'],
    [['eval', '.', '--point', 'corner'], 2, '--point corner'],
    [['inspect', 'no-such-folder'], 1, 'is not there'],
  ])('%j gives exit code %d and one clear line', async (args, expected, hint) => {
    const { code, out, err } = await cli(...args);
    expect(code).toBe(expected);
    expect(out).toBe('');
    expect(err).toContain(hint);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).not.toMatch(/\n\s+at /);
  });
  it('inspect on a folder of garbage names the file', async () => {
    const folder = join(root, 'garbage');
    await mkdir(folder);
    await writeFile(join(folder, 'adapter_config.json'), '{"peft_type": "PREFIX_TUNING"}');
    await writeFile(join(folder, 'adapter_model.safetensors'), 'garbage garbage garbage');
    const { code, err } = await cli('inspect', folder);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*safetensors/);
  });
  it('a broken --config is named with its line', async () => {
    const file = join(root, 'broken.yaml');
    await writeFile(file, 'version: 1\ntask: [sst2\n');
    const { code, err } = await cli('run', '--config', file);
    expect(code).toBe(2);
    expect(err).toContain('broken.yaml');
  });
  it('an unwritable output folder is one error', async () => {
    const file = join(root, 'a-file');
    await writeFile(file, '');
    const { code, err } = await cli(...small(join(file, 'below')), '--quiet');
    expect(code).toBe(1);
    expect(err).toMatch(/^error: cannot write/);
  });
  it('with --json the error is a document as well, and --debug adds the stack', async () => {
    const json = await cli('inspect', 'no-such-folder', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'NOTHING_TO_INSPECT' } });
    expect((await cli('inspect', 'no-such-folder', '--debug')).err).toMatch(/\n\s+at /);
  });
});

describe('a run that fails', () => {
  it('is told; --debug shows where it threw', async () => {
    const file = join(root, 'unfit.yaml');
    const method = '{ name: unfit, method: { type: HEAD, config: {} }, recipe: contrastive }';
    await writeFile(file, `version: 1\ntask: spam-subjects\ndata: { shots: 8 }\nmethods: [${method}]\n`);
    const run = (name: string, ...more: string[]) =>
      cli('run', '--config', file, '--steps', '2', '--test-cap', '16', '--output', join(root, name), ...more);
    const shared = ['--no-floors', '--backend', 'wasm', '--jobs', '1', '--quiet'];
    const plain = await run('unfit', ...shared);
    expect(plain.code).toBe(1);
    expect(plain.err).toContain('1 of 1 runs failed');
    expect(plain.err).not.toMatch(/\n\s+at /);
    expect((await run('unfit-debug', ...shared, '--debug')).err).toMatch(
      /trials\/unfit-.*PeftError.*\n\s+at .*contrastive/,
    );
  });
});

describe('Ctrl-C', () => {
  it('saves, says how to go on, and gives 130; going on ends the experiment', async () => {
    const folder = join(root, 'stopped');
    const { io, texts, interrupt } = fakeIo();
    const args = [...small(folder), '--set', 'train.checkpointEvery=1'];
    const watched = {
      ...io,
      err: (text: string) => (io.err(text), text.includes('floor linear-probe') && interrupt()),
    };
    expect(await runCli(args, watched)).toBe(130);
    expect(texts.err).toContain('finishing the step and saving');
    expect(texts.err).toMatch(/To go on: npx tfjs-peft run --task spam-subjects .*--resume\n/);
    expect(texts.out).toBe('');
    expect((await cli(...args, '--resume', '--quiet')).code).toBe(0);
  });
  it('as SIGTERM gives 143', async () => {
    const { io, interrupt } = fakeIo();
    const watched = { ...io, err: (text: string) => void (text.includes('floor majority') && interrupt('SIGTERM')) };
    expect(await runCli(small(join(root, 'ended')), watched)).toBe(143);
  });
  it('a second time ends at once', async () => {
    const { io, exits, interrupt } = fakeIo();
    const watched = {
      ...io,
      err: (text: string) => {
        if (!text.includes('floor majority')) return;
        interrupt();
        interrupt();
      },
    };
    await runCli(small(join(root, 'twice')), watched);
    expect(exits).toEqual([130]);
  });
});
