import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainConfigInput } from '@tfjs-peft/train';
import type { ExperimentConfigInput } from '../config/experiment-config.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import type { TrialConfig } from '../config/trial-config.js';
import { runExperiment, type RunExperimentOptions } from '../experiment/run-experiment.js';
import { type Catalogue, createCatalogue } from '../methods/plugins.js';
import { readTimings } from '../records/timings.js';
import { trialFiles } from '../records/trial-folder.js';
import { listComparisons } from '../statistics/compare-methods.js';
import { minimumDetectableEffect } from '../statistics/power.js';
import type { ExpandedGrid, GridCell } from './expand-grid.js';
import { referencesOf } from './references-of.js';

/** What a design can say, before it is run. */
export interface DesignPower {
  /** Pairs in one cell and in all: data splits. */
  readonly splits: number;
  readonly pairs: number;
  readonly comparisons: number;
  /** Smallest difference that is found with a power of 80 %, in standard deviations of the paired differences, after Holm's correction at its strictest. */
  readonly inCell: number | null;
  readonly overall: number | null;
}

/** What a grid can separate. */
export function designPower({ config, cells }: ExpandedGrid, alpha = 0.05): DesignPower {
  const splits = config.seeds.data.length;
  const arms = cells[0]?.arms ?? [];
  const isFloor = (method: string) => arms.some(({ name, kind }) => name === method && kind === 'floor');
  const compared = listComparisons(
    arms.map(({ name }) => name),
    referencesOf({ config, cells }),
    isFloor,
  );
  const comparisons = Math.max(1, compared.length);
  const effect = (n: number) =>
    n < 2 ? null : minimumDetectableEffect({ n, standardDeviation: 1, alpha: alpha / comparisons });
  const pairs = splits * cells.length;
  return { splits, pairs, comparisons, inCell: effect(splits), overall: effect(pairs) };
}

/** Seconds and memory of short runs on a host: of the dearer of the first and the last method. */
export interface Calibration {
  readonly model: string;
  /** Of a run beside its steps and evaluations. */
  readonly secondsPerRun: number;
  readonly secondsPerStep: number;
  /** One text, one pass. */
  readonly secondsPerText: number;
  readonly peakMemoryBytes: number;
}

const steps = 4;
const rows = 64;
/** Of a task that is not read yet. */
const usualTestRows = 1000;

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
      const evaluations = await Promise.all(
        done.map(async (trial) => {
          const timings = await readTimings(trialFiles(join(folder, trial.folder)).timings);
          return timings.filter(({ split }) => split === 'dev').at(-1)?.milliseconds ?? 0;
        }),
      );
      found.push({
        model,
        secondsPerRun: most(done.map(({ seconds, trainSeconds }) => seconds - trainSeconds)),
        secondsPerStep: most(done.map(({ secondsPerStep }) => secondsPerStep)),
        secondsPerText: most(evaluations) / 1000 / Math.min(rows, cell.shots),
        peakMemoryBytes: most(done.map(({ peakMemoryBytes }) => peakMemoryBytes)),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return found;
}

function calibrating(cell: GridCell, methods: GridCell['experiment']['methods']): GridCell['experiment'] {
  const short: TrainConfigInput = {
    steps,
    // The first evaluation is slower than the others: the second one counts.
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
    data: { ...cell.experiment.data, shots: Math.min(rows, cell.shots), testCap: rows },
    seeds: { data: cell.experiment.seeds?.data?.slice(0, 1), train: [0] },
    test: {},
  };
}

/**
 * Seconds that the trained runs of a grid take together, after a calibration; early stopping may make them fewer. `catalogue` is that of the grid's plugins.
 */
export function estimateSeconds(
  grid: ExpandedGrid,
  calibrations: readonly Calibration[],
  catalogue: Catalogue = createCatalogue(),
): number {
  const { seeds, search, test, data } = grid.config;
  const testRows = Math.min(usualTestRows, data.testCap ?? usualTestRows);
  return grid.cells.reduce((total, cell) => {
    const own = calibrations.find(({ model }) => model === cell.model);
    if (!own) return total;
    const secondsOf = ({ train, method }: TrialConfig): number => {
      if (!train) return 0;
      const perEpoch = Math.ceil(cell.shots / train.batchSize);
      const count = train.steps ?? Math.max(train.minSteps, Math.ceil(train.minEpochs * perEpoch));
      const every = Math.max(Math.ceil(train.evaluateEvery.epochs * perEpoch), train.evaluateEvery.minSteps);
      const rules = [train.validation, ...Object.values(train.selections ?? {})];
      const draws = Math.max(...rules.map(({ mode, draws: many }) => (mode === 'midpoint' ? 0 : many)));
      const traced = test.trace === true ? testRows : Math.min(testRows, Number(test.trace ?? 0));
      const texts = cell.shots * (1 + draws) + traced;
      // Pairs are not judged on the way: the head is fitted at the end.
      const isFitted = method.kind === 'trained' && method.recipe === 'contrastive';
      const passes = (isFitted ? 2 * cell.shots : (count / every) * texts) + testRows;
      return own.secondsPerRun + count * own.secondsPerStep + passes * own.secondsPerText;
    };
    const sum = (experiment: ExperimentConfigInput, runs: number) => {
      const once = { ...experiment, seeds: { data: [0], train: [0] } };
      const { trials } = resolveExperiment(once, catalogue);
      return runs * trials.reduce((seconds, trial) => seconds + secondsOf(trial), 0);
    };
    return (
      total +
      sum(cell.experiment, seeds.data.length * seeds.train.length) +
      (cell.search ? sum(cell.search.experiment, search!.seeds.length) : 0)
    );
  }, 0);
}
