import type { ComparableTrial, ComparisonTable, PlannedTrial } from './comparison-table.js';
import { headlineOf } from './pair-units.js';

/** The sentences that belong under the table: what the intervals are over, what is missing, what the data cannot say. */
export function describeTable(
  table: Omit<ComparisonTable, 'notes'>,
  trials: readonly ComparableTrial[],
  planned: readonly PlannedTrial[],
): string[] {
  return [
    describeInterval(table),
    ...describeDifferences(table),
    ...describeMissing(table, trials, planned),
    ...describeData(table, trials),
  ];
}

function describeInterval({ rows, unit, dataSeeds, trainSeeds, alpha }: Omit<ComparisonTable, 'notes'>): string {
  const confidence = percent(1 - alpha);
  if (Math.max(...rows.map(({ n }) => n)) < 2)
    return 'One run a method (n = 1): no interval is given, and no difference can be told from chance. Use more seeds.';
  if (unit === 'train seed')
    return (
      `Intervals: ${confidence} Student t intervals of the mean over ${count(trainSeeds.length, 'train seed')} on one data split ` +
      `(data seed ${dataSeeds.join(', ')}). They say nothing about other splits: use more data seeds.`
    );
  const within = trainSeeds.length > 1 ? `, each the mean over its train seeds (${trainSeeds.join(', ')})` : '';
  return (
    `Intervals: ${confidence} Student t intervals of the mean over ${count(dataSeeds.length, 'data split')} ` +
    `(data seeds ${dataSeeds.join(', ')})${within}. n counts splits. They cover the choice of the labelled examples and of the seeds, ` +
    'not other tasks or other sources of texts.'
  );
}

function describeDifferences({ rows, references, comparisons, alpha }: Omit<ComparisonTable, 'notes'>): string[] {
  const all = rows.flatMap((row) => Object.values(row.differences)).filter((difference) => difference !== null);
  if (all.length === 0 || comparisons === 0) return [];
  const correction =
    comparisons === 1
      ? 'one comparison'
      : `${comparisons} comparisons, Holm-corrected to ${percent(alpha)} for all together`;
  const halves = all.flatMap(({ interval }) => (interval ? [(interval[1] - interval[0]) / 2] : []));
  return [
    `Differences against ${references.join(' and ')}: paired on identical splits and seeds (${correction}). "not separated" means that the ` +
      'interval contains zero: these data do not tell which of the two is better, nor that they are equal.',
    `Smallest difference the table could separate: about ${Math.min(...halves).toFixed(1)} to ${Math.max(...halves).toFixed(1)} points.`,
  ];
}

function describeMissing(
  { rows, split }: Omit<ComparisonTable, 'notes'>,
  trials: readonly ComparableTrial[],
  planned: readonly PlannedTrial[],
): string[] {
  return rows
    .filter(({ missing }) => missing > 0)
    .map(({ method, missing, done }) => {
      const cells = planned
        .filter((cell) => cell.method === method)
        .filter((cell) => !trials.some((trial) => headlineOf(trial, split) !== null && isCell(trial, cell)))
        .map((cell) => {
          const trial = trials.find((one) => isCell(one, cell));
          const why = trial?.status === 'done' ? 'no finite metric' : trial?.error?.message;
          return `data seed ${cell.dataSeed}, train seed ${cell.trainSeed}${why === undefined ? '' : ` (${why})`}`;
        });
      return `Missing: ${method} has ${done} of ${done + missing} results; without one: ${cells.join('; ')}. They are left out of its mean and of its pairs.`;
    });
}

const isCell = (trial: ComparableTrial, cell: PlannedTrial) =>
  trial.method === cell.method && trial.dataSeed === cell.dataSeed && trial.trainSeed === cell.trainSeed;

function describeData({ rows, split }: Omit<ComparisonTable, 'notes'>, trials: readonly ComparableTrial[]): string[] {
  const undefinedCount = trials.reduce((sum, trial) => sum + (trial.test?.[split]?.undefined ?? 0), 0);
  const constant = rows
    .filter(({ standardDeviation, n }) => standardDeviation === 0 && n > 1)
    .map(({ method }) => method);
  const hashes = new Map<number, Set<string>>();
  for (const { dataSeed, splitHash } of trials)
    // A run that failed before its split has an empty one.
    if (splitHash) hashes.set(dataSeed, (hashes.get(dataSeed) ?? new Set()).add(splitHash));
  const mixed = [...hashes].filter(([, set]) => set.size > 1).map(([seed]) => seed);
  return [
    ...(constant.length > 0 ? [`${constant.join(', ')}: the same value on every split, so no interval.`] : []),
    ...(undefinedCount > 0
      ? [`${undefinedCount} metric values were undefined (a constant prediction has no correlation) and count as 0.`]
      : []),
    ...(mixed.length > 0
      ? [`Data seed ${mixed.join(', ')}: the trials do not share one split; only those with equal splits are paired.`]
      : []),
    ...(trials.some(({ subset }) => subset)
      ? ['The data is a cut of the official training set: for development, not for reported figures.']
      : []),
  ];
}

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
const percent = (share: number) => `${Number((share * 100).toFixed(1))} %`;
