import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Split } from '@tfjs-peft/glue-fewshot';
import type { TrainConfigInput } from '@tfjs-peft/train';
import { runExperiment, type RunExperimentOptions } from '../experiment/run-experiment.js';
import { readTimings } from '../records/timings.js';
import { trialFiles } from '../records/trial-folder.js';
import type { TrialSummary } from '../records/trial-summary.js';
import type { ExpandedGrid, GridCell } from './expand-grid.js';

/** Seconds and memory of short runs on a host: of the dearer of the first and the last method. */
export interface Calibration {
  readonly model: string;
  /** Of a run beside its steps, evaluations and tests. */
  readonly secondsPerRun: number;
  /** Of later steps; what the first ones take beyond it is a run's. */
  readonly secondsPerStep: number;
  /** One text, one pass. */
  readonly secondsPerText: number;
  /** One row of the test: the same, or what writing an answer takes. */
  readonly secondsPerTest: number;
  readonly peakMemoryBytes: number;
}

/** Of a short run: steps, and most texts of training, development and test set (K of them a class, where the protocol says so). */
const steps = 4;
const rows = 64;

/** Runs a few steps of the first and the last trained method on each host, in a folder that is deleted afterwards. */
export async function calibrateGrid(
  { cells }: ExpandedGrid,
  options: Pick<RunExperimentOptions, 'backend' | 'plugins' | 'directory' | 'signal' | 'hangLimit'>,
): Promise<Calibration[]> {
  const found: Calibration[] = [];
  for (const model of new Set(cells.map((cell) => cell.model))) {
    const cell = cells.find((one) => one.model === model)!;
    const trained = cell.arms.filter(({ kind }) => kind === 'trained').map(({ trial }) => trial);
    const ends = new Set([trained[0], trained.at(-1)]);
    const methods = cell.experiment.methods.filter((entry) => ends.has(typeof entry === 'string' ? entry : entry.name));
    if (methods.length === 0) continue;
    const folder = await mkdtemp(join(tmpdir(), 'tfjs-peft-calibration-'));
    try {
      const { trials } = await runExperiment(calibrating(cell, methods), { ...options, folder, jobs: 1 });
      const done = trials.filter(({ status }) => status === 'done');
      if (done.length === 0) continue;
      const most = (values: readonly number[]) => Math.max(0, ...values);
      const speeds = await Promise.all(done.map((trial) => speedOf(trial, folder)));
      found.push({
        model,
        secondsPerRun: most(speeds.map(({ secondsPerRun }) => secondsPerRun)),
        secondsPerStep: most(speeds.map(({ secondsPerStep }) => secondsPerStep)),
        secondsPerText: most(speeds.map(({ secondsPerText }) => secondsPerText)),
        secondsPerTest: most(speeds.map(({ secondsPerTest }) => secondsPerTest)),
        peakMemoryBytes: most(done.map(({ peakMemoryBytes }) => peakMemoryBytes)),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return found;
}

/** What one short run took. Where answers are written, that takes nearly all that is not training. */
async function speedOf(
  { folder: trialFolder, seconds, trainSeconds, headlineSplit, test }: TrialSummary,
  folder: string,
): Promise<Omit<Calibration, 'model' | 'peakMemoryBytes'>> {
  const files = trialFiles(join(folder, trialFolder));
  const timings = await readTimings(files.timings);
  const { devRows } = JSON.parse(await readFile(files.split, 'utf8')) as Pick<Split, 'devRows'>;
  const secondsOf = (split: string) =>
    timings.filter((row) => row.split === split).map(({ milliseconds = 0 }) => milliseconds / 1000);
  // The first steps and the first evaluation are slower than the others: the last ones count.
  const secondsPerStep = secondsOf('train').at(-1) ?? 0;
  const secondsPerText = (secondsOf('dev').at(-1) ?? 0) / devRows.length;
  const warmUp = secondsOf('train').reduce((sum, one) => sum + one - secondsPerStep, 0);
  const rest = seconds - trainSeconds;
  const tested = test[headlineSplit];
  // Texts alone have intervals over rows.
  return tested?.intervals
    ? { secondsPerStep, secondsPerText, secondsPerRun: warmUp, secondsPerTest: rest / tested.rows }
    : { secondsPerStep, secondsPerText, secondsPerRun: warmUp + rest, secondsPerTest: secondsPerText };
}

function calibrating(cell: GridCell, methods: GridCell['experiment']['methods']): GridCell['experiment'] {
  const short: TrainConfigInput = {
    steps,
    evaluateEvery: { epochs: 0, minSteps: steps / 2 },
    validation: { mode: 'midpoint' },
    checkpointEvery: steps,
  };
  return {
    ...cell.experiment,
    methods: methods.map((method) => {
      const entry = typeof method === 'string' ? { name: method } : method;
      const { selections: _, ...own } = (entry.train ?? {}) as TrainConfigInput;
      return { ...entry, train: { ...own, ...short } };
    }),
    data: { ...cell.experiment.data, ...shortSplit(cell), testCap: rows },
    seeds: { data: cell.experiment.seeds?.data?.slice(0, 1), train: [0] },
    test: { generation: cell.experiment.test?.generation },
  };
}

/** No more rows than the cell's own split takes, some of them for development in any case. */
function shortSplit({ experiment: { data }, shots }: GridCell): Partial<NonNullable<GridCell['experiment']['data']>> {
  const half = Math.min(rows, Math.ceil(shots / 2));
  if (data?.protocol === 'none')
    return { protocol: 'fixed', shots: half, devSize: Math.max(1, Math.min(half, shots - half)) };
  return {
    shots: Math.min(rows, shots),
    ...(data?.protocol === 'fixed' && { devSize: Math.min(rows, data.devSize ?? rows) }),
  };
}
