import { outputSize, type SplitSizes, splitSizes } from '@tfjs-peft/glue-fewshot';
import type { ExperimentConfigInput } from '../config/experiment-config.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import type { TrialConfig } from '../config/trial-config.js';
import { type Catalogue, createCatalogue } from '../methods/plugins.js';
import { listComparisons } from '../statistics/compare-methods.js';
import { minimumDetectableEffect } from '../statistics/power.js';
import type { Calibration } from './calibrate-grid.js';
import type { ExpandedGrid, GridCell } from './expand-grid.js';
import type { GridConfig } from './grid-config.js';
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

/** Of a task that is not read yet. */
const usualTestRows = 1000;

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
    const rows = sizesOfSplits(cell, data, catalogue);
    const secondsOf = ({ train, method }: TrialConfig): number => {
      if (!train) return 0;
      const perEpoch = Math.ceil(rows.train / train.batchSize);
      const count = train.steps ?? Math.max(train.minSteps, Math.ceil(train.minEpochs * perEpoch));
      const every = Math.max(Math.ceil(train.evaluateEvery.epochs * perEpoch), train.evaluateEvery.minSteps);
      const rules = [train.validation, ...Object.values(train.selections ?? {})];
      const draws = Math.max(...rules.map(({ mode, draws: many }) => (mode === 'midpoint' ? 0 : many)));
      const traced = test.trace === true ? testRows : Math.min(testRows, Number(test.trace ?? 0));
      const texts = rows.dev * (1 + draws) + traced;
      // Pairs are not judged on the way: the head is fitted at the end.
      const isFitted = method.kind === 'trained' && method.recipe === 'contrastive';
      const passes = isFitted ? rows.train + rows.dev : (count / every) * texts;
      return (
        own.secondsPerRun + count * own.secondsPerStep + passes * own.secondsPerText + testRows * own.secondsPerTest
      );
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

/** Rows of a cell's splits before its task is read; of a labelled file, whose classes are not known yet, as if it had two. */
function sizesOfSplits(
  { experiment: { task }, shots: k }: GridCell,
  { protocol, devSize, devFraction }: GridConfig['data'],
  { tasks }: Catalogue,
): SplitSizes {
  const classes = protocol === 'per_class' ? (task === 'file' ? 2 : outputSize(tasks.get(task))) : 1;
  const { train, dev } = splitSizes({
    ...{ k, dataSeed: 0, protocol },
    ...(devSize !== null && { devSize }),
    ...(devFraction !== null && { devFraction }),
  });
  return { train: classes * train, dev: classes * dev };
}
