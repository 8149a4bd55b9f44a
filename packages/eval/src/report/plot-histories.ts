import { mean } from 'simple-statistics';
import type { TopLevelSpec } from 'vega-lite';
import type { TrialSummary } from '../records/trial-summary.js';
import { groupBy } from '../statistics/group-by.js';
import { plotColours, plotConfig } from './plot-theme.js';
import { renderSvg } from './render-svg.js';

/** Development metrics of one trial over its steps, scaled by 100. */
export interface TrialHistory {
  readonly method: string;
  readonly dataSeed: number;
  readonly trainSeed: number;
  readonly points: readonly {
    readonly step: number;
    /** Metric at the midpoint; for a plain method, of its parameters. */
    readonly midpoint?: number;
    /** Metric over random draws of a simplex. */
    readonly stochastic?: number;
  }[];
}

/** What development sets are judged by: texts that are written, by their likelihood. */
export const devMetricOf = (trials: readonly Pick<TrialSummary, 'devMetric'>[], usual: string): string =>
  trials.find(({ devMetric }) => devMetric !== undefined)?.devMetric ?? usual;

const kinds = ['midpoint', 'stochastic'] as const;

/**
 * The development metric over steps: one panel a method, a thin line a trial, a thick one for their mean. A standalone SVG; null if no trial
 * has a development metric.
 */
export async function historySvg(histories: readonly TrialHistory[], metric = 'metric'): Promise<string | null> {
  const spec = historySpec(histories, metric);
  return spec && renderSvg(spec, 'history', `Development ${metric} over training steps, one panel a method.`);
}

/** The Vega-Lite specification behind {@link historySvg}; all data inline. */
export function historySpec(histories: readonly TrialHistory[], metric: string): TopLevelSpec | null {
  const rows = histories.flatMap(({ method, dataSeed, trainSeed, points }) =>
    points.flatMap((point) =>
      kinds.flatMap((kind) => {
        const value = point[kind];
        return value === undefined || !Number.isFinite(value)
          ? []
          : [{ method, kind, step: point.step, value, run: `${dataSeed}-${trainSeed}-${kind}` }];
      }),
    ),
  );
  if (rows.length === 0) return null;
  const methods = [...new Set(rows.map(({ method }) => method))];
  const present = kinds.filter((kind) => rows.some((row) => row.kind === kind));
  const thin = rows.map((row) => ({ ...row, mean: false }));
  const data = [...thin, ...meansOf(rows).map((row) => ({ ...row, run: `mean-${row.kind}`, mean: true }))];
  const width = methods.length === 1 ? 780 : methods.length === 2 ? 375 : 245;
  const line = (only: string, mark: { strokeWidth: number; opacity: number }) => ({
    transform: [{ filter: only }],
    mark: { type: 'line' as const, interpolate: 'linear' as const, ...mark },
    encoding: {
      x: { field: 'step', type: 'quantitative' as const, axis: { title: 'step', grid: false, tickCount: 4 } },
      y: {
        field: 'value',
        type: 'quantitative' as const,
        scale: { zero: false, nice: true },
        axis: { title: `dev ${metric} (× 100)`, tickCount: 5 },
      },
      detail: { field: 'run', type: 'nominal' as const },
      color: {
        field: 'kind',
        type: 'nominal' as const,
        scale: { domain: [...present], range: present.map((kind) => kindColours[kind]) },
        legend: { title: 'evaluated at', symbolType: 'stroke' as const, symbolOpacity: 1 },
      },
    },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: plotConfig,
    padding: 12,
    data: { values: data },
    columns: 3,
    facet: { field: 'method', type: 'nominal', sort: methods, header: { title: null } },
    spec: {
      width,
      height: 190,
      layer: [
        line('!datum.mean', { strokeWidth: 1, opacity: 0.35 }),
        line('datum.mean', { strokeWidth: 2.5, opacity: 1 }),
      ],
    },
  };
}

const kindColours = { midpoint: plotColours.method0, stochastic: plotColours.method1 };

interface HistoryRow {
  readonly method: string;
  readonly kind: (typeof kinds)[number];
  readonly step: number;
  readonly value: number;
  readonly run: string;
}

/** Means over the runs, at steps that all runs of the method have: elsewhere (early stopping) the mean would jump as runs end. */
function meansOf(rows: readonly HistoryRow[]): HistoryRow[] {
  const groups = groupBy(rows, (row) => JSON.stringify([row.method, row.kind, row.step]));
  const runs = (method: string, kind: string) =>
    new Set(rows.filter((row) => row.method === method && row.kind === kind).map(({ run }) => run)).size;
  return [...groups.values()]
    .filter((group) => group.length > 1 && group.length === runs(group[0]!.method, group[0]!.kind))
    .map((group) => ({ ...group[0]!, value: mean(group.map(({ value }) => value)) }));
}
