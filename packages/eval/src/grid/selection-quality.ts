import { mean } from 'simple-statistics';
import type { SimplexGeometry } from '@tfjs-peft/subspace';
import { midpointRule, simplexPrefix } from '../records/trial-records.js';
import { followRule, type TraceQuality, traceQuality, type TraceRule } from '../statistics/kendall-tau.js';
import type { CellResults } from './grid-folder.js';
import type { RecordedRun } from './recorded-runs.js';

/** How well a rule of selection chooses, over the runs of an arm with a trace of the test set. */
export interface RuleQuality {
  readonly cell: string;
  readonly method: string;
  readonly rule: string;
  readonly runs: number;
  /** Mean of best test of all states up to the end of the rule minus chosen test, in points. */
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
    /** How the vertices of a simplex lie. */
    readonly geometry?: Partial<SimplexGeometry>;
  }[];
}

const measures = ['meanSquaredCosine', 'rootMeanSquaredDistance', 'vertexNorm', 'midpointNorm'] as const;

const testKey = (run: RecordedRun) => `test  ${run.result.headlineSplit} headline`;

/** The rule of the deterministic pass of a run: a rule of selection, or what was logged beside draws. */
const midpointOf = ({ rules }: RecordedRun) =>
  Object.keys(rules).find((name) => rules[name]!.mode === 'midpoint') ?? midpointRule;

/** Development metrics by a rule over the steps. */
const developmentOf = ({ series, result }: RecordedRun, rule: string): ReadonlyMap<number, number> =>
  series.get(`dev ${rule} ${rule === midpointRule ? (result.devMetric ?? result.headlineMetric) : 'headline'}`) ??
  new Map<number, number>();

/**
 * How a rule chose: what it kept, and when its patience ended, though evaluation went on for others. What was only logged kept nothing: it is
 * followed as a training would.
 */
function ruleOf(run: RecordedRun, rule: string): TraceRule {
  const kept = [...developmentOf(run, rule).keys()].indexOf(run.kept.get(rule) ?? -1);
  return { patience: run.patience, ...(kept >= 0 && { chosen: kept }) };
}

/** The trace of a run that was evaluated on the way, up to the end of its arm's rule: as far as a run of its own would go. */
export function traceOf(run: RecordedRun): RunTrace[] {
  const { result, cell, series, rules } = run;
  const own = [...developmentOf(run, result.rule)];
  if (own.length === 0) return [];
  const { looked } = followRule(
    own.map(([, value]) => value),
    ruleOf(run, result.rule),
  );
  const drawn = rules[result.rule]?.mode !== 'midpoint';
  const midpoint = developmentOf(run, midpointOf(run));
  const test = series.get(testKey(run));
  const points = own.slice(0, looked).map(([step, value]) => ({
    step,
    ...(drawn
      ? { stochastic: value, ...(midpoint.size > 0 && { midpoint: midpoint.get(step) }) }
      : { midpoint: value }),
    ...(test && { test: test.get(step) }),
    ...geometryAt(series, step),
  }));
  const { method, dataSeed, trainSeed } = result;
  return [{ cell, method, dataSeed, trainSeed, points }];
}

function geometryAt(series: RecordedRun['series'], step: number) {
  const found = measures.flatMap((measure): [string, number][] => {
    const value = series.get(`simplex  ${simplexPrefix}${measure}`)?.get(step);
    return value === undefined ? [] : [[measure, value]];
  });
  return found.length > 0 ? { geometry: Object.fromEntries(found) as Partial<SimplexGeometry> } : {};
}

/** Regret and tau of the rule of each arm, and of the midpoint where it was logged beside draws. */
export function ruleQualities({ cell }: CellResults, runs: readonly RecordedRun[]): RuleQuality[] {
  const found = new Map<string, { readonly method: string; readonly rule: string; readonly values: TraceQuality[] }>();
  for (const run of runs) {
    const test = run.series.get(testKey(run));
    if (!test) continue;
    const { method, rule } = run.result;
    const own = run.rules[rule];
    const drawn = own !== undefined && own.mode !== 'midpoint';
    const candidates = [
      { name: drawn ? `${own.mode}, ${own.draws} draws` : 'midpoint', by: rule },
      ...(drawn ? [{ name: 'midpoint of the same runs', by: midpointOf(run) }] : []),
    ];
    for (const { name, by } of candidates) {
      const dev = developmentOf(run, by);
      const steps = [...dev.keys()];
      if (steps.filter((step) => test.has(step)).length < 2) continue;
      const quality = traceQuality(
        [...dev.values()],
        steps.map((step) => test.get(step) ?? NaN),
        ruleOf(run, by),
      );
      // Without a test of the chosen state nothing is known of the choice.
      if (!quality || Number.isNaN(quality.regret)) continue;
      const key = `${method} ${name}`;
      const group = found.get(key) ?? { method, rule: name, values: [] };
      group.values.push(quality);
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
