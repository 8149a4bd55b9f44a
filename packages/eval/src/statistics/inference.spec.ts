import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { hierarchicalBootstrap, meanOf } from './bootstrap.js';
import { calibration } from './calibration.js';
import { equivalence } from './equivalence.js';
import { factorialEffects } from './factorial.js';
import { kendallTau, traceQuality } from './kendall-tau.js';
import { mcNemar } from './mcnemar.js';
import { paretoProbability } from './pareto.js';
import { signFlipTest } from './permutation-test.js';
import { minimumDetectableEffect, pairedTPower } from './power.js';
import { rankStability } from './rank-stability.js';
import { varianceComponents } from './variance-components.js';

interface Goldens {
  flips: { differences: number[]; pValue: number }[];
  mcnemar: { onlyFirst: number; onlySecond: number; pValue: number }[];
  equivalence: { differences: number[]; margin: number; pValue: number; interval: [number, number] }[];
  power: { n: number; power: number; alpha: number; effect: number }[];
  tau: { a: number[]; b: number[]; tau: number }[];
  concordance: { scores: number[][]; concordance: number }[];
  components: {
    values: number[][][];
    data: number;
    training: number;
    item: number;
    dataByItem: number;
    rest: number;
  }[];
  factorial: { cells: [string, number, number, number][]; effects: Record<string, number> };
  calibration: { probabilities: number[]; labels: number[]; bins: number; expectedError: number; brier: number }[];
}
// Written by goldens/make-inference.py.
const goldens = JSON.parse(readFileSync(new URL('../../goldens/inference.json', import.meta.url), 'utf8')) as Goldens;

describe('tests against scipy and statsmodels', () => {
  it.each(goldens.flips)('sign flips of %j', ({ differences, pValue }) => {
    expect(signFlipTest(differences)).toBeCloseTo(pValue, 12);
  });

  it('sign flips of many differences are drawn, and near the exact share', () => {
    const differences = Array.from({ length: 16 }, (_, i) => Math.sin(7 * i) + 0.3);
    const exact = signFlipTest(differences);
    const longer = signFlipTest([...differences, 0], { draws: 20_000 });
    expect(Math.abs(longer - exact)).toBeLessThan(3.5 * Math.sqrt((exact * (1 - exact)) / 20_000));
    expect(signFlipTest([])).toBe(1);
  });

  it.each(goldens.mcnemar)('McNemar of %j', ({ onlyFirst, onlySecond, pValue }) => {
    const items = (a: number, b: number) => [...Array(a).fill(true), ...Array(b).fill(false), true, false] as boolean[];
    const flipped = [...Array(onlyFirst).fill(false), ...Array(onlySecond).fill(true), true, false] as boolean[];
    const result = mcNemar(items(onlyFirst, onlySecond), flipped);
    expect(result).toMatchObject({ onlyFirst, onlySecond });
    expect(result.pValue).toBeCloseTo(pValue, 10);
  });

  it.each(goldens.equivalence)('two one-sided tests of %j', ({ differences, margin, pValue, interval }) => {
    const result = equivalence(differences, margin);
    expect(result.pValue).toBeCloseTo(pValue, 9);
    interval.forEach((end, index) => expect(result.interval![index]).toBeCloseTo(end, 9));
    expect(result.equivalent).toBe(pValue < 0.05);
    expect(result.equivalent).toBe(Math.max(...interval.map(Math.abs)) < margin);
  });

  it('equal differences are equivalent within the margin, one alone says nothing', () => {
    expect(equivalence([0.2, 0.2, 0.2], 1).equivalent).toBe(true);
    expect(equivalence([2, 2, 2], 1).equivalent).toBe(false);
    expect(equivalence([0], 1).equivalent).toBe(false);
    expect(() => equivalence([0, 1], 0)).toThrow(expect.objectContaining({ code: 'MARGIN_INVALID' }));
  });

  it.each(goldens.power)('smallest effect found %j', ({ n, power, alpha, effect }) => {
    const options = { n, standardDeviation: 1, alpha };
    expect(minimumDetectableEffect({ ...options, power })).toBeCloseTo(effect, 5);
    expect(pairedTPower(2 * effect, { ...options, standardDeviation: 2 })).toBeCloseTo(power, 5);
    expect(pairedTPower(0, options)).toBeCloseTo(alpha, 5);
  });

  it('smallest effect of ten million pairs is that of a normal law, and a sure find is none', () => {
    const effect = minimumDetectableEffect({ n: 1e7, standardDeviation: 1 });
    expect(effect * Math.sqrt(1e7)).toBeCloseTo(1.959964 + 0.841621, 3);
    for (const odd of [{ power: 1 }, { power: NaN }, { alpha: 0 }, { alpha: 1 }, { standardDeviation: Infinity }])
      expect(() => minimumDetectableEffect({ n: 5, standardDeviation: 1, ...odd })).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID' }),
      );
  });
});

describe('descriptions against scipy and statsmodels', () => {
  it.each(goldens.tau)('Kendall tau %#', ({ a, b, tau }) => {
    expect(kendallTau(a, b)).toBeCloseTo(tau, 12);
    expect(kendallTau(a, a)).toBeCloseTo(1, 12);
    expect(
      kendallTau(
        a,
        a.map(() => 1),
      ),
    ).toBeNull();
  });

  it('regret of a trace', () => {
    expect(traceQuality([70, 80, 80, 75], [60, 61, 65, 70])).toMatchObject({ regret: 9, chosen: 1 });
    expect(traceQuality([1, 2], [1, 2])).toEqual({ regret: 0, chosen: 1, tau: 1 });
    expect(traceQuality([], [])).toBeNull();
  });

  it('regret of a trace that ends when the rule is out of patience', () => {
    const [dev, test] = [
      [50, 60, 55, 55, 70],
      [40, 60, 65, 50, 90],
    ];
    expect(traceQuality(dev, test, { patience: 2 })).toEqual({
      regret: 5,
      chosen: 1,
      tau: kendallTau(dev.slice(0, 4), test.slice(0, 4)),
    });
    // Two evaluations without improvement do not end a rule that waits for three.
    expect(traceQuality(dev, test, { patience: 3 })).toMatchObject({ regret: 0, chosen: 4 });
    expect(traceQuality(dev, test, { patience: null })).toMatchObject({ regret: 0, chosen: 4 });
  });

  it('regret where the loss decides between equal values, or the choice is known', () => {
    const [dev, test] = [
      [50, 60, 60],
      [40, 60, 90],
    ];
    expect(traceQuality(dev, test)).toMatchObject({ regret: 30, chosen: 1 });
    expect(traceQuality(dev, test, { losses: [0.9, 0.5, 0.4] })).toMatchObject({ regret: 0, chosen: 2 });
    expect(traceQuality(dev, test, { losses: [0.9, 0.5, 0.5] })).toMatchObject({ regret: 30, chosen: 1 });
    expect(traceQuality(dev, test, { chosen: 0, patience: 1 })).toMatchObject({ regret: 20, chosen: 0 });
    expect(() => traceQuality(dev, test, { losses: [1] })).toThrow('3 and 1 values');
  });

  it('regret leaves out what is no number: as in training it is the worst', () => {
    expect(traceQuality([NaN, 50, 60], [90, 40, NaN])).toMatchObject({ regret: NaN, chosen: 2 });
    expect(traceQuality([NaN, 60, 50, 40], [90, 40, NaN, 30])).toEqual({ regret: 50, chosen: 1, tau: 1 });
  });

  it.each(goldens.concordance)('concordance %#', ({ scores, concordance }) => {
    expect(rankStability(scores).concordance).toBeCloseTo(concordance, 10);
    const same = [scores[0]!, scores[0]!.map((value) => 2 * value)];
    expect(rankStability(same).concordance).toBeCloseTo(1, 10);
    expect(rankStability([[1, 3, 2]])).toEqual({ concordance: null, meanTau: null, meanRanks: [3, 1, 2] });
  });

  it.each(goldens.components)('components of variance %#', ({ values, ...squares }) => {
    const [d, t, n] = [values.length, values[0]!.length, values[0]![0]!.length];
    const found = varianceComponents(values);
    const plus = (value: number) => Math.max(0, value);
    const { data, training, item, dataByItem, rest } = squares;
    expect(found.rest).toBeCloseTo(rest, 9);
    expect(found.training).toBeCloseTo(plus((training - rest) / n), 9);
    expect(found.dataByItem).toBeCloseTo(plus((dataByItem - rest) / t), 9);
    expect(found.item).toBeCloseTo(plus((item - dataByItem) / (d * t)), 9);
    expect(found.data).toBeCloseTo(plus((data - training - dataByItem + rest) / (t * n)), 9);
    const single = varianceComponents(values.map((runs) => runs.slice(0, 1)));
    expect([single.training, single.rest]).toEqual([null, null]);
    expect(() => varianceComponents([values[0]!, values[1]!.slice(1)])).toThrow(
      expect.objectContaining({ code: 'DESIGN_UNBALANCED' }),
    );
  });

  it('effects of factors', () => {
    const cells = goldens.factorial.cells.map(([unit, a, b, value]) => ({ unit, levels: [a === 1, b === 1], value }));
    const effects = factorialEffects(['A', 'B'], cells);
    expect(effects.map(({ factors }) => factors.join(':'))).toEqual(['A', 'B', 'A:B']);
    for (const { factors, mean, interval, n } of effects) {
      expect(mean).toBeCloseTo(goldens.factorial.effects[factors.join(':')]!, 9);
      expect(n).toBe(4);
      expect(interval![0]).toBeLessThan(mean);
    }
    // A unit that lacks a combination is left out, and a design without a whole unit is none.
    expect(factorialEffects(['A', 'B'], cells.slice(1))[0]!.n).toBe(3);
    const twice = [...cells, cells[0]!];
    for (const bad of [cells.slice(0, 3), twice])
      expect(() => factorialEffects(['A', 'B'], bad)).toThrow(expect.objectContaining({ code: 'DESIGN_UNBALANCED' }));
  });

  it.each(goldens.calibration)('calibration %#', ({ probabilities, labels, bins, expectedError, brier }) => {
    const found = calibration(probabilities, labels, { bins });
    expect(found.expectedError).toBeCloseTo(expectedError, 12);
    expect(found.brier).toBeCloseTo(brier, 12);
  });

  it('calibration leaves out rows that have no probabilities', () => {
    expect(calibration([NaN, NaN, 0.5, 0.5], [0, 1])).toEqual({ expectedError: 0.5, brier: 0.5 });
    expect(calibration([1, 0, 0.2, NaN], [0, 1])).toEqual({ expectedError: 0, brier: 0 });
    expect(calibration([NaN, NaN], [0])).toEqual({ expectedError: NaN, brier: NaN });
  });
});

describe('values that are no numbers', () => {
  it('are never significant', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      expect(signFlipTest([1, 2, bad, 3])).toBeNaN();
      expect(signFlipTest(Array.from({ length: 20 }, (_, i) => (i === 7 ? bad : i)))).toBeNaN();
      expect(equivalence([0.1, bad, 0.2], 1)).toMatchObject({ pValue: null, interval: null, equivalent: false });
    }
  });

  it('have no rank, no order and no place on a front', () => {
    expect(kendallTau([1, NaN, 3], [1, 2, 3])).toBeNull();
    const scores = [
      [1, 2, NaN],
      [1, 2, 3],
    ];
    expect(rankStability(scores)).toEqual({ concordance: null, meanTau: null, meanRanks: [NaN, NaN, NaN] });
    const front = paretoProbability([
      { name: 'whole', scores: [70, 71], costs: [1] },
      { name: 'no score', scores: [NaN, 90], costs: [1] },
      { name: 'no cost', scores: [90, 90], costs: [NaN] },
    ]);
    expect(front).toEqual([1, NaN, NaN]);
  });
});

describe('hierarchicalBootstrap', () => {
  const values = Array.from({ length: 5 }, (_, run) =>
    Array.from(
      { length: 80 },
      (_, item) => 0.05 * Math.sin(3 * run) + 0.1 * Math.cos(5 * item) + 3 * Math.sin(1 + 7.3 * run * item),
    ),
  );

  it('has the variance of a two-way analysis of variance', () => {
    const options = { clusters: 5, items: 80, statistic: meanOf(values), draws: 4000 };
    const found = hierarchicalBootstrap(options);
    const split = varianceComponents(values.map((run) => [run]));
    const expected = split.data / 5 + split.item / 80 + split.dataByItem / 400;
    expect(found.standardError ** 2 / expected).toBeGreaterThan(0.9);
    expect(found.standardError ** 2 / expected).toBeLessThan(1.1);
    const narrow = 1.96 * found.standardError;
    const few = hierarchicalBootstrap({
      ...options,
      clusters: 3,
      statistic: meanOf(values.map((row, i) => row.map((x) => x + 9 * i))),
    });
    expect(few.interval![1] - few.value).toBeGreaterThan(4 * few.standardError);
    expect(found.interval![1] - found.value).toBeGreaterThan(narrow);
    expect(hierarchicalBootstrap(options)).toEqual(found);
  });

  it('gives no interval where one run or nothing varies', () => {
    const one = hierarchicalBootstrap({ clusters: 1, items: 80, statistic: meanOf(values), draws: 50 });
    expect([one.interval, one.clusterError]).toEqual([null, 0]);
    expect(one.itemError).toBeGreaterThan(0);
    expect(hierarchicalBootstrap({ clusters: 3, items: 4, statistic: () => 1, draws: 50 }).interval).toBeNull();
    expect(() => hierarchicalBootstrap({ clusters: 0, items: 4, statistic: () => 1 })).toThrow(
      expect.objectContaining({ code: 'BOOTSTRAP_EMPTY' }),
    );
  });
});

describe('paretoProbability', () => {
  it('is 1 where nothing beats, 0 where something always does, and a share between', () => {
    const found = paretoProbability([
      { name: 'small', scores: [70, 72, 71, 69], costs: [1, 5] },
      { name: 'large', scores: [75, 76, 74, 77], costs: [9, 9] },
      { name: 'beaten', scores: [60, 61, 62, 60], costs: [2, 5] },
      { name: 'near', scores: [71, 70, 70, 72], costs: [2, 5] },
    ]);
    expect(found.slice(0, 3)).toEqual([1, 1, 0]);
    expect(found[3]).toBeGreaterThan(0.1);
    expect(found[3]).toBeLessThan(0.9);
  });
});
