import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import {
  type ComparableTrial,
  compareMethods,
  equivalence,
  hierarchicalBootstrap,
  type Interval,
  mcNemar,
  meanOf,
  minimumDetectableEffect,
  pairedDifference,
  signFlipTest,
  summarise,
  wilcoxonSignedRank,
} from '@tfjs-peft/eval/statistics';

/** What a simulated experiment showed, beside what it should. */
export interface Simulated {
  readonly what: string;
  /** `cover`: the share of intervals that hold the truth; `at most`: of false findings; `power`: of right ones. */
  readonly kind: 'coverage' | 'false positives' | 'power';
  readonly nominal: number;
  readonly share: number;
  readonly runs: number;
}

type Numbers = (name: string, count: number) => Float32Array;

/** One experiment: numbers in, whether the interval holds the truth or the test finds something out. */
interface Case {
  readonly what: string;
  readonly kind: Simulated['kind'];
  readonly nominal: number;
  readonly once: (draw: Numbers) => boolean;
}

const holds = (interval: Interval | null, truth: number) =>
  interval !== null && interval[0] <= truth && truth <= interval[1];

/** Differences of two runs on common items: an effect of the split, of the item, of both. */
function crossed(draw: Numbers, [clusters, items]: readonly [number, number], [a, c, e]: readonly number[]) {
  const [ofCluster, ofItem, ofBoth] = [draw('a', clusters), draw('c', items), draw('e', clusters * items)];
  return Array.from({ length: clusters }, (_, i) =>
    Float64Array.from(
      { length: items },
      (_unused, j) => 0.3 + a! * ofCluster[i]! + c! * ofItem[j]! + e! * ofBoth[i * items + j]!,
    ),
  );
}

const bootstrapCase = (what: string, size: readonly [number, number], deviations: readonly number[]): Case => ({
  what: `hierarchical bootstrap, ${size[0]} splits x ${size[1]} items, ${what}`,
  kind: 'coverage',
  nominal: 0.95,
  once: (draw) => {
    const values = crossed(draw, size, deviations);
    const [clusters, items] = size;
    return holds(hierarchicalBootstrap({ clusters, items, statistic: meanOf(values), draws: 300 }).interval, 0.3);
  },
});

/** Right or wrong answers of two methods of equal quality; items and splits are easier or harder for both and for each. */
function answers(draw: Numbers, clusters: number, items: number) {
  const [shared, hard] = [draw('shared', clusters), draw('hard', items)];
  return ['first', 'second'].map((method) => {
    const [own, noise] = [draw(`${method} split`, clusters), draw(`${method} noise`, clusters * items)];
    return Array.from({ length: clusters }, (_, i) =>
      Float64Array.from({ length: items }, (_unused, j) =>
        Number(0.8 + 0.2 * shared[i]! + 0.1 * own[i]! + hard[j]! + noise[i * items + j]! > 0),
      ),
    );
  });
}

const test = (what: string, pValue: (differences: number[]) => number | null, n: number): Case => ({
  what: `${what}, n = ${n}`,
  kind: 'false positives',
  nominal: 0.05,
  once: (draw) => (pValue([...draw('x', n)]) ?? 1) < 0.05,
});

const zeros = (values: readonly number[]) => values.map(() => 0);

function table(draw: Numbers): ComparableTrial[] {
  const split = draw('split', 5);
  return Array.from({ length: 6 }, (_, method) => {
    const noise = draw(`method ${method}`, 5);
    return Array.from({ length: 5 }, (_unused, seed) => ({
      method: `m${method}`,
      kind: 'trained' as const,
      dataSeed: seed,
      trainSeed: 0,
      status: 'done' as const,
      splitHash: String(seed),
      test: { test: { headline: 80 + 3 * split[seed]! + noise[seed]! } },
    }));
  }).flat();
}

const cases: readonly Case[] = [
  bootstrapCase('splits vary most', [5, 200], [1, 0.5, 1]),
  bootstrapCase('items vary most', [5, 200], [0.02, 1, 1]),
  bootstrapCase('both vary alike', [5, 100], [0.1, 1, 1]),
  bootstrapCase('both vary alike', [10, 100], [0.1, 1, 1]),
  bootstrapCase('splits vary most', [3, 100], [1, 0.5, 1]),
  {
    what: 'hierarchical bootstrap of accuracies of two equal methods, 5 splits x 200 items',
    kind: 'coverage',
    nominal: 0.95,
    once: (draw) => {
      const [first, second] = answers(draw, 5, 200);
      const values = first!.map((run, i) => run.map((right, j) => right - second![i]![j]!));
      return holds(
        hierarchicalBootstrap({ clusters: 5, items: 200, statistic: meanOf(values), draws: 300 }).interval,
        0,
      );
    },
  },
  ...[3, 5, 10].map((n): Case => ({
    what: `t interval, n = ${n}`,
    kind: 'coverage',
    nominal: 0.95,
    once: (draw) => holds(summarise([...draw('x', n)]).interval, 0),
  })),
  test('paired t', (x) => pairedDifference(x, zeros(x)).pValue, 5),
  test('Wilcoxon signed rank', wilcoxonSignedRank, 5),
  test('Wilcoxon signed rank', wilcoxonSignedRank, 10),
  test('sign flips', (x) => signFlipTest(x), 5),
  test('sign flips', (x) => signFlipTest(x), 10),
  {
    what: 'McNemar, 200 items',
    kind: 'false positives',
    nominal: 0.05,
    once: (draw) => {
      const [first, second] = [draw('first', 200), draw('second', 200)].map((run) => [...run].map((x) => x > -0.8));
      return mcNemar(first!, second!).pValue < 0.05;
    },
  },
  {
    what: 'any of 5 comparisons of a table of equal methods, Holm',
    kind: 'false positives',
    nominal: 0.05,
    once: (draw) =>
      compareMethods(table(draw), { references: ['m0'] }).rows.some(({ differences }) =>
        Object.values(differences).some((difference) => difference !== null && difference.verdict !== 'not separated'),
      ),
  },
  {
    what: 'equivalence of what differs by the margin, n = 5',
    kind: 'false positives',
    nominal: 0.05,
    once: (draw) =>
      equivalence(
        [...draw('x', 5)].map((value) => 2 + value),
        2,
      ).equivalent,
  },
  {
    what: 'paired t of the smallest detectable effect, n = 5',
    kind: 'power',
    nominal: 0.8,
    once: (draw) => {
      const effect = minimumDetectableEffect({ n: 5, standardDeviation: 1 });
      const values = [...draw('x', 5)].map((value) => effect + value);
      return (pairedDifference(values, zeros(values)).pValue ?? 1) < 0.05;
    },
  },
];

/** Every case so many times. */
export const simulate = (runs: number, only: (what: string) => boolean = () => true): Simulated[] =>
  cases
    .filter(({ what }) => only(what))
    .map(({ what, kind, nominal, once }) => {
      const root = createStream(what);
      let hits = 0;
      for (let run = 0; run < runs; run++)
        hits += Number(once((name, count) => Float32Array.from(normals(substream(root, run, name), count))));
      return { what, kind, nominal, share: hits / runs, runs };
    });

/** What is wrong with a result: coverage and power within 2 points of what they should be, no more false findings than allowed, both up to chance. */
export function judge({ kind, nominal, share, runs }: Simulated): 'ok' | 'off' {
  const chance = 2.6 * Math.sqrt((nominal * (1 - nominal)) / runs);
  if (kind === 'false positives') return share <= nominal + chance ? 'ok' : 'off';
  return Math.abs(share - nominal) <= Math.max(0.02, chance) ? 'ok' : 'off';
}
