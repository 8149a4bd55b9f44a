import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  type GridConfigInput,
  gridFiles,
  openColumnReader,
  readItems,
  runGrid,
  writeGridReport,
} from '@tfjs-peft/eval/grid';
import { readSummary } from '@tfjs-peft/eval/run-folder';
import {
  markCancelled,
  openSweepQueue,
  planSweep,
  readSweepStatus,
  runSweepHere,
  runSweepWorker,
  startSweep,
} from '@tfjs-peft/eval/sweep';
import type { ExperimentEvent } from '../src/records/experiment-event.js';
import type { QueueWork, TrialQueue } from '../src/sweep/trial-queue.js';
import { parse } from 'yaml';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { testBackendName } from '../../../tools/jest/use-test-backend.js';
import { tinyPrefix } from './tiny-experiment.js';
import { tinySweep } from './tiny-sweep.js';

async function planned(changes: Partial<GridConfigInput> = {}, seeds?: readonly number[]) {
  const sweep = await tinySweep(changes, seeds);
  const status = await planSweep(sweep.grid, { folder: sweep.out });
  return { ...sweep, folder: sweep.out, status };
}
const lines = (folder: string) =>
  readFileSync(gridFiles(folder).trials, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { index: number; folder: string; dropped?: true });

describe('a planned sweep', () => {
  it('lists each trial once, under a number that never changes', async () => {
    const { grid, folder, status } = await planned();
    expect(status.trials.map(({ index, state }) => [index, state])).toEqual([0, 1, 2, 3, 4, 5].map((n) => [n, 'open']));
    const before = readFileSync(gridFiles(folder).trials, 'utf8');
    await planSweep(grid, { folder });
    expect(readFileSync(gridFiles(folder).trials, 'utf8')).toBe(before);
    // What is started is planned from the folder alone.
    await startSweep(folder, { kind: 'slurm', program: ['tfjs-peft'] });
    expect(readFileSync(gridFiles(folder).trials, 'utf8')).toBe(before);
    await planSweep({ ...grid, methods: grid.methods.slice(1), seeds: { data: [21, 42], train: [0] } }, { folder });
    const after = lines(folder);
    expect(after.map(({ index }) => index)).toEqual([...after.keys()]);
    expect(after.slice(0, 6).map(({ folder: path }) => path)).toEqual(
      lines(folder)
        .slice(0, 6)
        .map(({ folder: path }) => path),
    );
    expect(
      after.filter(({ dropped }) => !dropped).map(({ folder: path }) => path.split('/').at(-1)!.replace(/-\w+$/, '')),
    ).toEqual(['linear-probe-21-0', 'A-21-0', 'linear-probe-42-0', 'A-42-0']);
    expect((await readSweepStatus(folder)).trials.length).toBe(4);
  });

  it('refuses a list that was changed', async () => {
    const { folder } = await planned();
    const path = gridFiles(folder).trials;
    const text = readFileSync(path, 'utf8');
    for (const [changed, why] of [
      [text.replace('"shots":24', '"shots":23'), /line 1 .*do not belong together/],
      [text.replace('cells/', '../cells/'), /line 1 .*cells\/<cell>/],
      [text.slice(0, -40), /line 6 .*no JSON/],
    ] as const) {
      writeFileSync(path, changed);
      await expect(readSweepStatus(folder)).rejects.toMatchObject({
        code: 'TRIALS_DAMAGED',
        message: expect.stringMatching(why),
      });
    }
  });

  it('asks for the plugins that a folder names', async () => {
    const plugin = fileURLToPath(new URL('./memory-plugin.mjs', import.meta.url));
    const { grid, out: folder } = await tinySweep({ methods: ['fill'], plugins: [plugin] });
    await planSweep(grid, { folder });
    const shard = { index: 0, of: 1 };
    await expect(runSweepWorker({ folder, source: { shard } })).rejects.toMatchObject({ code: 'PLUGIN_NOT_ALLOWED' });
    expect((await startSweep(folder, { kind: 'slurm', program: ['x'] }, { plugins: [plugin] })).open).toBe(2);
  });

  it('that is cancelled lets no worker begin until it is started again', async () => {
    const { folder } = await planned();
    await markCancelled(folder);
    expect((await readSweepStatus(folder)).cancelled).toBe(true);
    await expect(runSweepWorker({ folder, source: { shard: { index: 0, of: 1 } } })).rejects.toMatchObject({
      code: 'SWEEP_CANCELLED',
    });
    await startSweep(folder, { kind: 'slurm', program: ['tfjs-peft'] });
    expect((await readSweepStatus(folder)).cancelled).toBe(false);
  });

  it('is an array job of Slurm, whose options are single lines', async () => {
    const { folder } = await planned();
    const slurm = { kind: 'slurm', program: ['node', '/a b/cli.mjs'], atOnce: 2 } as const;
    const { file } = await startSweep(folder, { ...slurm, tasks: 4, options: ['--time=4:00:00'] });
    const script = readFileSync(file!, 'utf8');
    expect(script).toMatch(/#SBATCH --array=0-3%2\n[^]*#SBATCH --signal=B:TERM@60\n#SBATCH --time=4:00:00\n/);
    expect(script).toContain(`exec node '/a b/cli.mjs' sweep worker ${folder} --shard "$SLURM_ARRAY_TASK_ID/4"`);
    await expect(startSweep(folder, { ...slurm, options: ['--x=1\nrm -rf /'] })).rejects.toMatchObject({
      code: 'SLURM_OPTION_INVALID',
    });
  });

  it('is an Indexed Job of Kubernetes', async () => {
    const { folder, root } = await planned();
    const engine = { kind: 'kubernetes', image: 'lab/tfjs-peft:1', claim: 'runs', mount: root, atOnce: 2 } as const;
    const { file } = await startSweep(folder, engine);
    const job = parse(readFileSync(file!, 'utf8'));
    expect(job).toMatchObject({
      apiVersion: 'batch/v1',
      kind: 'Job',
      // A second one of the same sweep gets a name of its own.
      metadata: { generateName: expect.stringMatching(/^tfjs-peft-[0-9a-f]+-$/) },
      spec: { completionMode: 'Indexed', completions: 6, parallelism: 2, backoffLimitPerIndex: 2, maxFailedIndexes: 6 },
    });
    const [worker] = job.spec.template.spec.containers;
    expect(worker.command).toEqual([
      'sh',
      '-c',
      `exec tfjs-peft sweep worker ${folder} --shard "$JOB_COMPLETION_INDEX/6"`,
    ]);
    expect(worker.volumeMounts).toEqual([{ name: 'sweep', mountPath: root }]);
    await expect(startSweep(folder, { ...engine, mount: '/elsewhere' })).rejects.toMatchObject({
      code: 'MOUNT_INVALID',
    });
  });

  it('says when Redis is not there, and keeps its password to itself', async () => {
    const { folder } = await planned();
    await expect(openSweepQueue(folder, 'redis://127.0.0.1:1')).rejects.toMatchObject({ code: 'SWEEP_NOT_STARTED' });
    await expect(startSweep(folder, { kind: 'bullmq', redis: 'http://x' })).rejects.toMatchObject({
      code: 'REDIS_URL_INVALID',
    });
    const failed = startSweep(folder, { kind: 'bullmq', redis: 'redis://user:secret@127.0.0.1:1' });
    await expect(failed).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
      message: expect.not.stringContaining('secret'),
    });
    expect(readFileSync(join(folder, 'sweep.json'), 'utf8')).not.toContain('secret');
    await expect(openSweepQueue(folder, undefined)).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
  });
});

describeOnNative('a worker of a queue', () => {
  it('runs what a newer plan lists, and lets go of what none does any more', async () => {
    const { grid, folder } = await planned({ methods: ['majority'] });
    const gone = 'cells/reviews-tiny-bert-24/trials/A-13-0-0123456789ab';
    const outcomes: string[] = [];
    const told: string[] = [];
    const queue = {
      async work({ run }: QueueWork) {
        await planSweep({ ...grid, seeds: { data: [42], train: [0] } }, { folder });
        const newer = lines(folder).find((line) => !line.dropped)!;
        for (const path of [gone, newer.folder]) outcomes.push(await run(path, true));
        expect((await readSummary(join(folder, newer.folder)))!.status).toBe('done');
      },
    } as unknown as TrialQueue;
    const onEvent = (event: ExperimentEvent) => event.type === 'warning' && told.push(event.text);
    await runSweepWorker({ folder, source: { queue }, onEvent, backend: testBackendName });
    expect(outcomes).toEqual(['ended', 'ended']);
    expect(told).toContainEqual(expect.stringContaining(`${gone} is no longer planned`));
  });
});

describeOnNative('a sweep here', () => {
  it('in two processes gives what one gives, over several cells, and goes on where it was', async () => {
    const { grid, root } = await tinySweep({ shots: [24, 30] });
    const run = async (name: string, jobs: number) => {
      const folder = join(root, name);
      await runGrid(grid, { folder, jobs, backend: testBackendName });
      return folder;
    };
    const [one, two] = [await run('one', 1), await run('two', 2)];
    const reader = openColumnReader();
    const { trials } = await readSweepStatus(one);
    expect(trials.length).toBe(12);
    for (const { folder } of trials) {
      const [a, b] = await Promise.all([one, two].map(async (root) => (await readSummary(join(root, folder)))!));
      expect([folder, b!.status, b!.test, b!.dev]).toEqual([folder, 'done', a!.test, a!.dev]);
      // What a process says of its machine differs: threads.
      const [x, y] = await Promise.all(
        [one, two].map((root) => readItems(reader, join(root, folder, 'items.parquet'))),
      );
      expect(y!.items).toEqual(x!.items);
    }
    reader.close();
    for (const folder of [one, two])
      for (const cell of readdirSync(gridFiles(folder).cells))
        expect(existsSync(join(gridFiles(folder).cells, cell, 'results.json'))).toBe(true);
    // A summary that is cut short: the trial is named, and its result is missing.
    truncateSync(join(two, trials[0]!.folder, 'summary.json'), 100);
    expect((await readSweepStatus(two)).trials[0]).toMatchObject({ state: 'damaged', error: { code: 'JSON_INVALID' } });
    const { analysis } = await writeGridReport(two);
    expect([analysis.cells[0]!.missing, analysis.damaged.length]).toEqual([1, 1]);
  });

  it('keeps what is done where others crash, and stops when it is cancelled', async () => {
    const plugin = fileURLToPath(new URL('./memory-plugin.mjs', import.meta.url));
    const { folder } = await planned({ methods: ['majority', 'killed'], plugins: [plugin] }, [1]);
    await runSweepHere(folder, { backend: testBackendName, jobs: 2, plugins: [plugin] });
    const { trials } = await readSweepStatus(folder);
    expect(trials.map(({ state, error }) => [state, error?.code])).toEqual([
      ['done', undefined],
      ['failed', 'TRIAL_PROCESS_CRASHED'],
    ]);
    const endless = {
      ...tinyPrefix,
      train: { ...tinyPrefix.train, steps: 1_000_000, evaluateEvery: { epochs: 0, minSteps: 100_000 } },
    };
    const long = await planned({ methods: [endless] }, [1]);
    const cancelled = runSweepHere(long.folder, {
      backend: testBackendName,
      jobs: 2,
      onEvent: (event) => event.type === 'train' && event.event.type === 'step' && void markCancelled(long.folder),
    });
    await expect(cancelled).rejects.toMatchObject({ code: 'SWEEP_CANCELLED' });
    expect((await readSweepStatus(long.folder)).trials).toMatchObject([{ state: 'begun' }]);
  });
});
