import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTrainConfig, type TrainConfigInput } from '@tfjs-peft/train';
import { runExperiment, type RunExperimentOptions } from '../experiment/run-experiment.js';
import { readTimings } from '../records/timings.js';
import { trialFiles } from '../records/trial-folder.js';
import { minimumDetectableEffect } from '../statistics/power.js';
import type { ExpandedGrid, GridCell } from './expand-grid.js';

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
  const trained = cells[0]?.arms.filter(({ kind }) => kind === 'trained').map(({ name }) => name) ?? [];
  const references = config.references ?? [''];
  // Two references are compared with each other once.
  const pairsOf = references.map((reference) => trained.filter((name) => name !== reference).length);
  const twice = references.filter((name) => trained.includes(name)).length;
  const comparisons = Math.max(1, pairsOf.reduce((sum, count) => sum + count, 0) - (twice * (twice - 1)) / 2);
  const effect = (n: number) =>
    n < 2 ? null : minimumDetectableEffect({ n, standardDeviation: 1, alpha: alpha / comparisons });
  const pairs = splits * cells.length;
  return { splits, pairs, comparisons, inCell: effect(splits), overall: effect(pairs) };
}

/** Seconds and memory of one short run on a host. */
export interface Calibration {
  readonly model: string;
  readonly secondsPerStep: number;
  /** One text, one pass. */
  readonly secondsPerText: number;
  readonly peakMemoryBytes: number;
}

const steps = 4;
const rows = 64;

/** Runs a few steps of the first trained method on each host, in a folder that is deleted afterwards. */
export async function calibrateGrid(
  { cells }: ExpandedGrid,
  options: Pick<RunExperimentOptions, 'backend' | 'plugins' | 'directory' | 'signal' | 'hangLimit'>,
): Promise<Calibration[]> {
  const found: Calibration[] = [];
  for (const model of new Set(cells.map((cell) => cell.model))) {
    const cell = cells.find((one) => one.model === model)!;
    const trained = cell.arms.find(({ kind }) => kind === 'trained');
    const method = cell.experiment.methods.find(
      (entry) => (typeof entry === 'string' ? entry : entry.name) === trained?.trial,
    );
    if (!method) continue;
    const folder = await mkdtemp(join(tmpdir(), 'tfjs-peft-calibration-'));
    try {
      const { trials } = await runExperiment(calibrating(cell, method), { ...options, folder, jobs: 1 });
      const [trial] = trials;
      if (trial?.status !== 'done') continue;
      const timings = await readTimings(trialFiles(join(folder, trial.folder)).timings);
      const dev = timings.filter(({ split }) => split === 'dev').at(-1);
      found.push({
        model,
        secondsPerStep: trial.secondsPerStep,
        secondsPerText: (dev?.milliseconds ?? 0) / 1000 / Math.min(rows, cell.shots),
        peakMemoryBytes: trial.peakMemoryBytes,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return found;
}

function calibrating(cell: GridCell, method: GridCell['experiment']['methods'][number]): GridCell['experiment'] {
  const entry = typeof method === 'string' ? { name: method } : method;
  const short: TrainConfigInput = {
    steps,
    evaluateEvery: { epochs: 0, minSteps: steps },
    validation: { mode: 'midpoint' },
    checkpointEvery: steps,
  };
  const { selections: _, ...own } = (entry.train ?? {}) as TrainConfigInput;
  return {
    ...cell.experiment,
    methods: [{ ...entry, train: { ...own, ...short } }],
    data: { ...cell.experiment.data, shots: Math.min(rows, cell.shots), testCap: rows },
    seeds: { data: cell.experiment.seeds?.data?.slice(0, 1), train: [0] },
    test: {},
  };
}

/** Seconds that the trained runs of a grid take together, after a calibration; early stopping may make them fewer. */
export function estimateSeconds(grid: ExpandedGrid, calibrations: readonly Calibration[], testRows = 1000): number {
  const { seeds, search, test } = grid.config;
  return grid.cells.reduce((total, cell) => {
    const own = calibrations.find(({ model }) => model === cell.model);
    if (!own) return total;
    const secondsOf = (entry: GridCell['experiment']['methods'][number]) => {
      const given = typeof entry === 'string' ? {} : (entry.train ?? {});
      const config = parseTrainConfig({ ...grid.config.train, ...given } as TrainConfigInput);
      const perEpoch = Math.ceil(cell.shots / config.batchSize);
      const count = config.steps ?? Math.max(config.minSteps, Math.ceil(config.minEpochs * perEpoch));
      const every = Math.max(Math.ceil(config.evaluateEvery.epochs * perEpoch), config.evaluateEvery.minSteps);
      const rules = [config.validation, ...Object.values(config.selections ?? {})];
      const draws = Math.max(...rules.map(({ mode, draws: many }) => (mode === 'midpoint' ? 0 : many)));
      const texts = cell.shots * (1 + draws) + (test.trace ? testRows : 0);
      return count * own.secondsPerStep + (count / every) * texts * own.secondsPerText + testRows * own.secondsPerText;
    };
    const trained = (methods: GridCell['experiment']['methods']) =>
      methods.filter((entry) => {
        const name = typeof entry === 'string' ? entry : entry.name;
        return cell.arms.find(({ trial }) => trial === name)?.kind !== 'floor';
      });
    const sum = (methods: GridCell['experiment']['methods'], runs: number) =>
      runs * trained(methods).reduce((seconds, entry) => seconds + secondsOf(entry), 0);
    return (
      total +
      sum(cell.experiment.methods, seeds.data.length * seeds.train.length) +
      (cell.search ? sum(cell.search.experiment.methods, search!.seeds.length) : 0)
    );
  }, 0);
}
