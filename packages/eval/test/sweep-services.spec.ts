import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readResults, type TrialSummary } from '@tfjs-peft/eval/run-folder';
import { collectSweep, planSweep, readSweepStatus, runSweepHere, startSweep } from '@tfjs-peft/eval/sweep';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { testBackendName } from '../../../tools/jest/use-test-backend.js';
import { installed, startRedis, startSlurm, until } from './services.js';
import { tinyPrefix } from './tiny-experiment.js';
import { tinySweep } from './tiny-sweep.js';

const script = fileURLToPath(new URL('./sweep-process.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const flags = ['--conditions=@tfjs-peft/source', '--import', tsx, script];

const describeWith = (...programs: string[]) => {
  if (installed(...programs)) return describeOnNative;
  process.stderr.write(`Skipped, because it is not installed: ${programs.join(', ')}.\n`);
  return describe.skip;
};

/** Trials that take long enough to be killed in the middle, with a checkpoint every few steps. */
const longer = {
  ...tinyPrefix,
  name: 'A',
  train: {
    ...tinyPrefix.train,
    steps: 150,
    evaluateEvery: { epochs: 0, minSteps: 50 },
    checkpointEvery: 20,
    patience: null,
  },
};
const methods = ['majority', longer];
const seeds = [1, 2, 3, 4, 5];

/** What must be the same wherever a trial ran. */
const essence = ({ id, dataSeed, status, test, dev, splitHash, steps }: TrialSummary) => ({
  ...{ id, dataSeed, status, test, dev, splitHash, steps },
});
async function results(folder: string) {
  await collectSweep(folder);
  const cells = join(folder, 'cells');
  const found = await Promise.all(readdirSync(cells).map(async (cell) => (await readResults(join(cells, cell)))!));
  return found.flatMap(({ trials }) => trials.map(essence));
}

let expected: Awaited<ReturnType<typeof results>>;
let sweep: Awaited<ReturnType<typeof tinySweep>>;
if (installed('redis-server') || installed('slurmctld'))
  beforeAll(async () => {
    if (testBackendName !== 'tensorflow') return;
    sweep = await tinySweep({ methods }, seeds);
    const folder = join(sweep.root, 'one');
    await planSweep(sweep.grid, { folder });
    await runSweepHere(folder, { backend: testBackendName, jobs: 1, timeLimit: 600 });
    expected = await results(folder);
    expect(expected.map(({ status }) => status)).toEqual(Array(10).fill('done'));
  });

interface Line {
  readonly started?: string;
  readonly ended?: string;
  readonly warning?: string;
}

function startWorker(folder: string) {
  const child = spawn(process.execPath, [...flags, folder, testBackendName], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const lines = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  const exit = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code!)),
  );
  return { child, lines, exit };
}

describeWith('redis-server', 'redis-cli')('a sweep over Redis', () => {
  it('has every trial exactly once, though a worker is killed in the middle of one and Redis restarts', async () => {
    const folder = join(sweep.root, 'redis-sweep');
    const data = join(sweep.root, 'redis');
    mkdirSync(data);
    const redis = await startRedis(data);
    try {
      await planSweep(sweep.grid, { folder });
      const engine = { kind: 'bullmq', redis: redis.url } as const;
      expect((await startSweep(folder, engine)).submitted).toBe(10);
      // What waits already stays as it is.
      expect((await startSweep(folder, engine)).submitted).toBe(0);
      const workers = Array.from({ length: 3 }, () => startWorker(folder));
      const all = () => workers.flatMap(({ lines }) => lines());
      const victim = workers[0]!;
      const inTraining = () => {
        const { started } = victim.lines().findLast((line) => line.started?.startsWith('A-')) ?? {};
        return started !== undefined && !victim.lines().some(({ ended }) => ended === started) ? started : undefined;
      };
      await until('a worker trains', () => inTraining() !== undefined);
      const broken = inTraining()!;
      victim.child.kill('SIGKILL');
      expect(await victim.exit).toBe('SIGKILL');
      await until('others have finished something', () => all().some(({ ended }) => ended?.startsWith('A-')));
      await redis.restart(1500);
      expect(await Promise.all(workers.slice(1).map(({ exit }) => exit))).toEqual([0, 0]);
      expect(await results(folder)).toEqual(expected);
      const ended = all().flatMap((line) => (line.ended === undefined ? [] : [line.ended]));
      expect(ended).toContain(broken);
      // None twice; all of them, since the one that was killed had not ended its own.
      expect(ended.toSorted()).toEqual([...new Set(ended)].toSorted());
      expect(ended.length).toBe(10);
      expect(all().some(({ warning }) => warning?.includes('is away'))).toBe(true);
      expect((await startSweep(folder, engine)).submitted).toBe(0);
    } finally {
      await redis.stop();
    }
    await expect(startSweep(folder, { kind: 'bullmq', redis: redis.url })).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
    });
    // The folder says where the sweep stands without it.
    expect((await readSweepStatus(folder)).trials.every(({ state }) => state === 'done')).toBe(true);
  });
});

describeWith(
  'slurmctld',
  'slurmd',
  'sbatch',
)('a sweep by Slurm', () => {
  it('has every trial exactly once', async () => {
    const folder = join(sweep.root, 'slurm-sweep');
    const slurm = await startSlurm(join(sweep.root, 'slurm'));
    try {
      await planSweep(sweep.grid, { folder });
      const program = [process.execPath, ...flags];
      const { file } = await startSweep(folder, { kind: 'slurm', tasks: 2, program });
      // The script starts the command; here it starts the worker of this suite, which takes its arguments in another order.
      const text = readFileSync(file!, 'utf8');
      expect(text).toMatch(/#SBATCH --array=0-1\n[^]*#SBATCH --requeue\n/);
      const worker = text.replace(/ sweep worker (\S+) --shard (.*)/, ` $1 ${testBackendName} $2`);
      execFileSync('sbatch', ['--wait'], {
        input: worker,
        env: slurm.environment,
        stdio: ['pipe', 'ignore', 'inherit'],
      });
      expect(await results(folder)).toEqual(expected);
      const output = readdirSync(join(folder, 'slurm')).filter((name) => name.endsWith('.txt'));
      const ended = output.flatMap((name) =>
        readFileSync(join(folder, 'slurm', name), 'utf8').match(/"ended":"[^"]+"/g)!,
      );
      expect([output.length, new Set(ended).size, ended.length]).toEqual([2, 10, 10]);
    } finally {
      await slurm.stop();
    }
  });
});
