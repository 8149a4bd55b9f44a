import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { type ExperimentConfigInput, type ExperimentEvent, resolveExperiment, runExperiment } from '@tfjs-peft/eval';
import { trialFolderName } from '@tfjs-peft/eval/run-folder';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { testBackendName } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment, tinyPrefix, tinySubspace } from './tiny-experiment.js';

const script = fileURLToPath(new URL('./run-in-process.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** An experiment in a process of its own. */
const start = (config: ExperimentConfigInput, folder: string, ...flags: string[]): ChildProcess =>
  spawn(
    process.execPath,
    [
      '--conditions=@tfjs-peft/source',
      '--import',
      tsx,
      script,
      JSON.stringify(config),
      folder,
      testBackendName,
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
const end = (child: ChildProcess) =>
  new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? String(code))));
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const read = (...path: string[]) => readFileSync(join(...path), 'utf8');

describeOnNative('an experiment in processes', () => {
  it('that is killed and resumed writes the same metrics as an uninterrupted one', async () => {
    const { config, out } = await tinyExperiment({
      methods: [tinySubspace],
      train: { steps: 60, batchSize: 8, evaluateEvery: { epochs: 0, minSteps: 5 }, patience: null },
    });
    const name = trialFolderName(resolveExperiment(config).trials[0]!);
    const trial = join(out, 'trials', name);
    const child = start(config, out);
    const ended = end(child);
    // After the first checkpoint and a few steps more, wherever that is.
    const lines = () =>
      existsSync(join(trial, 'metrics.jsonl')) ? read(trial, 'metrics.jsonl').split('\n').length : 0;
    await until(() => existsSync(join(trial, 'checkpoint', 'checkpoint.safetensors')) && lines() > 12);
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    expect(existsSync(join(trial, 'summary.json'))).toBe(false);
    const resumed = start(config, out, '--resume');
    let output = '';
    resumed.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect(await end(resumed)).toBe('0');
    expect(Number(/resumed from (\d+)/.exec(output)![1])).toBeGreaterThanOrEqual(5);
    const whole = `${out}-whole`;
    expect(await end(start(config, whole))).toBe('0');
    expect(read(trial, 'metrics.jsonl')).toBe(read(whole, 'trials', name, 'metrics.jsonl'));
    expect(read(trial, 'predictions.jsonl')).toBe(read(whole, 'trials', name, 'predictions.jsonl'));
    expect(read(trial, 'adapter', 'adapter_model.safetensors')).toBe(
      read(whole, 'trials', name, 'adapter', 'adapter_model.safetensors'),
    );
  });

  it('with two jobs gives the results of one job', async () => {
    const { config, out } = await tinyExperiment({
      methods: ['linear-probe', tinyPrefix],
      seeds: { data: [13, 21], train: [0] },
    });
    const events: ExperimentEvent[] = [];
    const two = await runExperiment(config, {
      folder: out,
      jobs: 2,
      backend: testBackendName,
      onEvent: (event) => events.push(event),
    });
    expect(two.trials.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'done']);
    expect(events.filter(({ type }) => type === 'trial-start')).toHaveLength(4);
    expect(events.filter((event) => event.type === 'phase' && event.text.startsWith('loading host'))).toHaveLength(1);
    const one = await runExperiment(config, { folder: `${out}-one`, backend: testBackendName });
    for (const [index, trial] of one.trials.entries()) expect(two.trials[index]!.test).toEqual(trial.test);
  });

  it('ends a child that hangs, counts its trial as failed and goes on with the others', async () => {
    const plugin = fileURLToPath(new URL('./hanging-plugin.mjs', import.meta.url));
    const { config, out } = await tinyExperiment({ methods: ['hang', 'majority'] });
    const result = await runExperiment(config, {
      folder: out,
      plugins: [plugin],
      jobs: 2,
      backend: testBackendName,
      hangLimit: 5,
    });
    expect(result.trials.map(({ method, status }) => `${method} ${status}`)).toEqual(['hang failed', 'majority done']);
    expect(result.trials[0]!.error).toMatchObject({ code: 'TRIAL_HUNG' });
  });

  it('ends a trial that takes longer than it may, and goes on with the others', async () => {
    const long = {
      ...tinyPrefix,
      train: { ...tinyPrefix.train, steps: 1_000_000, evaluateEvery: { epochs: 0, minSteps: 100_000 } },
    };
    const { config, out } = await tinyExperiment({ methods: [long, 'majority'] });
    const result = await runExperiment(config, { folder: out, backend: testBackendName, timeLimit: 12 });
    expect(result.trials.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'prefix failed',
      'majority done',
    ]);
    expect(result.trials[0]!.error).toMatchObject({ code: 'TRIAL_TOO_LONG' });
    await expect(
      runExperiment(config, { folder: out, backend: 'current', timeLimit: 5, resume: true }),
    ).rejects.toMatchObject({ code: 'JOBS_INVALID' });
  });

  it('survives trials that run out of memory', async () => {
    const plugin = fileURLToPath(new URL('./memory-plugin.mjs', import.meta.url));
    const { config, out } = await tinyExperiment({ methods: ['fill', 'killed', 'majority'] });
    // Child processes get it, so that what fills the memory ends soon.
    process.env.NODE_OPTIONS = '--max-old-space-size=400';
    const { trials } = await runExperiment(
      { ...config, plugins: [plugin] },
      { folder: out, jobs: 2, backend: testBackendName },
    ).finally(() => delete process.env.NODE_OPTIONS);
    expect(trials.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'fill failed',
      'killed failed',
      'majority done',
    ]);
    for (const { error } of trials.slice(0, 2))
      expect(error).toMatchObject({
        code: 'TRIAL_PROCESS_CRASHED',
        message: expect.stringMatching(/by signal SIG(ABRT|KILL|TRAP|ILL).*memory/s),
      });
  });

  it('lets no second run into its folder, and its children end when it is killed', async () => {
    const { config, out } = await tinyExperiment({
      methods: [tinyPrefix],
      seeds: { data: [13, 21], train: [0] },
      train: { steps: 100_000, batchSize: 8, evaluateEvery: { epochs: 0, minSteps: 1000 } },
    });
    const child = start(config, out, '--jobs');
    const ended = end(child);
    const logs = resolveExperiment(config).trials.map((trial) =>
      join(out, 'trials', trialFolderName(trial), 'metrics.jsonl'),
    );
    const sizes = () => logs.map((path) => (existsSync(path) ? readFileSync(path).length : 0));
    await until(() => sizes().every((size) => size > 0));
    await expect(runExperiment(config, { folder: out, resume: true, backend: testBackendName })).rejects.toMatchObject({
      code: 'FOLDER_IN_USE',
    });
    child.kill('SIGKILL');
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const then = sizes();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(sizes()).toEqual(then);
  });

  it('survives the crash of one trial', async () => {
    const plugin = fileURLToPath(new URL('./crashing-plugin.mjs', import.meta.url));
    const { config, out } = await tinyExperiment({ methods: ['crash', 'majority', 'linear-probe'] });
    const result = await runExperiment(
      { ...config, plugins: [plugin] },
      { folder: out, jobs: 2, backend: testBackendName },
    );
    expect(result.trials.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'crash failed',
      'majority done',
      'linear-probe done',
    ]);
    expect(result.trials[0]!.error).toMatchObject({ code: 'TRIAL_PROCESS_CRASHED' });
    expect(result.trials[0]!.error!.message).toContain('exit code 7');
  });

  it('passes an interruption on, and the children write their checkpoints', async () => {
    const { config, out } = await tinyExperiment({
      methods: [tinyPrefix],
      seeds: { data: [13, 21], train: [0] },
      train: { steps: 2000, batchSize: 8, evaluateEvery: { epochs: 0, minSteps: 1000 } },
    });
    const stop = new AbortController();
    const run = runExperiment(config, {
      folder: out,
      jobs: 2,
      backend: testBackendName,
      signal: stop.signal,
      onEvent: (event) =>
        event.type === 'train' && event.event.type === 'step' && event.event.step === 4 && stop.abort(),
    });
    await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const saved = resolveExperiment(config).trials.filter((trial) =>
      existsSync(join(out, 'trials', trialFolderName(trial), 'checkpoint', 'checkpoint.safetensors')),
    );
    expect(saved.length).toBeGreaterThanOrEqual(1);
  });

  it('reports what is wrong with the task once, as its own error', async () => {
    const { config, out } = await tinyExperiment({ data: { shots: 1000 } });
    const data = { ...config.data, file: { ...config.data!.file!, file: config.data!.file!.file } };
    await expect(
      runExperiment({ ...config, data }, { folder: out, jobs: 2, backend: testBackendName }),
    ).rejects.toMatchObject({ code: 'SPLIT_TOO_LARGE' });
  });
});
