import { mean } from 'simple-statistics';
import { midpointRule } from '../records/trial-records.js';
import { kendallTau } from '../statistics/kendall-tau.js';
import type { CellResults } from './grid-folder.js';
import type { RecordedRun } from './recorded-runs.js';

/** How well a rule of selection chooses, over the runs of an arm with a trace of the test set. */
export interface RuleQuality {
  readonly cell: string;
  readonly method: string;
  readonly rule: string;
  readonly runs: number;
  /** Mean of best test minus chosen test, in points. */
  readonly regret: number;
  /** Mean Kendall tau-b of dev and test traces; null where none is defined. */
  readonly tau: number | null;
}

/** A trace of one run: development metrics by rule and the observed test. */
export interface RunTrace {
  readonly cell: string;
  readonly method: string;
  readonly dataSeed: number;
  readonly trainSeed: number;
  readonly points: readonly {
    readonly step: number;
    readonly midpoint?: number;
    readonly stochastic?: number;
    readonly test?: number;
  }[];
}

const testKey = (run: RecordedRun) => `test  ${run.result.headlineSplit} headline`;

/** The deterministic pass of a run: a rule of its own, or logged beside draws. */
function midpointOf({ rules, series, result }: RecordedRun): ReadonlyMap<number, number> | undefined {
  const rule = Object.keys(rules).find((name) => rules[name]!.mode === 'midpoint');
  return series.get(rule === undefined ? `dev ${midpointRule} ${result.headlineMetric}` : `dev ${rule} headline`);
}

/** The trace of a run that was evaluated on the way. */
export function traceOf(run: RecordedRun): RunTrace[] {
  const { result, cell, series, rules } = run;
  const own = series.get(`dev ${result.rule} headline`);
  if (!own) return [];
  const drawn = rules[result.rule]?.mode !== 'midpoint';
  const midpoint = midpointOf(run);
  const test = series.get(testKey(run));
  const points = [...own].map(([step, value]) => ({
    step,
    ...(drawn ? { stochastic: value, ...(midpoint && { midpoint: midpoint.get(step) }) } : { midpoint: value }),
    ...(test && { test: test.get(step) }),
  }));
  const { method, dataSeed, trainSeed } = result;
  return [{ cell, method, dataSeed, trainSeed, points }];
}

/** Regret and tau of the rule of each arm, and of the midpoint where it was logged beside draws. */
export function ruleQualities({ cell }: CellResults, runs: readonly RecordedRun[]): RuleQuality[] {
  const found = new Map<
    string,
    { readonly method: string; readonly rule: string; readonly values: { regret: number; tau: number | null }[] }
  >();
  for (const run of runs) {
    const test = run.series.get(testKey(run));
    if (!test) continue;
    const { method, rule } = run.result;
    const own = run.rules[rule];
    const drawn = own !== undefined && own.mode !== 'midpoint';
    const candidates: [string, ReadonlyMap<number, number> | undefined][] = [
      [drawn ? `${own.mode}, ${own.draws} draws` : 'midpoint', run.series.get(`dev ${rule} headline`)],
      ...(drawn
        ? [['midpoint of the same runs', midpointOf(run)] as [string, ReadonlyMap<number, number> | undefined]]
        : []),
    ];
    for (const [name, dev] of candidates) {
      const steps = [...(dev?.keys() ?? [])].filter((step) => test.has(step));
      if (!dev || steps.length < 2) continue;
      const [d, t] = [steps.map((step) => dev.get(step)!), steps.map((step) => test.get(step)!)];
      const chosen = d.reduce((best, value, index) => (value > d[best]! ? index : best), 0);
      const key = `${method} ${name}`;
      const group = found.get(key) ?? { method, rule: name, values: [] };
      group.values.push({ regret: Math.max(...t) - t[chosen]!, tau: kendallTau(d, t) });
      found.set(key, group);
    }
  }
  return [...found.values()].map(({ method, rule, values }) => {
    const taus = values.flatMap(({ tau }) => tau ?? []);
    return {
      cell: cell.id,
      method,
      rule,
      runs: values.length,
      regret: mean(values.map(({ regret }) => regret)),
      tau: taus.length > 0 ? mean(taus) : null,
    };
  });
}
