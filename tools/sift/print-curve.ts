import { plotColours } from '@tfjs-peft/eval/report';
import { pairedDifference, summarise } from '@tfjs-peft/eval/statistics';
import { drawPanels } from '../options/draw-panels.js';
import { groupRuns } from '../options/group-runs.js';
import { markdownTable } from '../options/markdown-table.js';

/** One run of the curve. */
export interface CurveRun {
  readonly task: string;
  readonly model: string;
  readonly shots: number;
  readonly steps: number;
  /** 0 for a head alone. */
  readonly rate: number;
  /** `head` at rate 0, `all` at rate 1. */
  readonly selection: string;
  readonly seed: number;
}
/** What it gave: mean loss of the last ten steps, share of right answers on the test set. */
export interface CurveResult extends CurveRun {
  readonly trainable: number;
  readonly trainLoss: number;
  readonly accuracy: number;
}

type Measure = 'trainLoss' | 'accuracy';
const digitsOf = { trainLoss: 3, accuracy: 1 } as const;
const scaleOf = { trainLoss: 1, accuracy: 100 } as const;
const choices = ['gradient', 'magnitude', 'random'] as const;

const valueOf = (result: CurveResult, measure: Measure) => scaleOf[measure] * result[measure];

function cell(results: readonly CurveResult[], measure: Measure): string {
  const { n, mean, interval } = summarise(results.map((result) => valueOf(result, measure)));
  const digits = digitsOf[measure];
  if (n === 0) return '–';
  return interval ? `${mean.toFixed(digits)} ± ${(mean - interval[0]).toFixed(digits)}` : mean.toFixed(digits);
}

/** Mean difference with its 95 % interval over the seeds that both have; bold where it excludes zero. */
function difference(a: readonly CurveResult[], b: readonly CurveResult[], measure: Measure): string {
  const pairs = a.flatMap((one) => {
    const other = b.find(({ seed }) => seed === one.seed);
    return other ? [[valueOf(one, measure), valueOf(other, measure)] as const] : [];
  });
  if (pairs.length < 2) return '–';
  const { mean, interval, verdict } = pairedDifference(
    pairs.map(([left]) => left),
    pairs.map(([, right]) => right),
  );
  const digits = digitsOf[measure];
  if (!interval) return mean.toFixed(digits);
  const text = `${mean.toFixed(digits)} [${interval.map((end) => end.toFixed(digits)).join(', ')}]`;
  return verdict === 'not separated' ? text : `**${text}**`;
}

const cellsOf = (results: readonly CurveResult[]) =>
  groupRuns(results, ['task', 'model', 'shots', 'steps'], []).groups.map(({ own }) => {
    const { task, model, shots, steps } = own[0]!;
    return { title: `${task}, ${model}, K = ${shots}`, steps, own };
  });

/** A table a task, host and K: means over seeds with half of their 95 % intervals, and paired differences. */
export function printCurve(results: readonly CurveResult[]): string {
  return cellsOf(results)
    .map(({ title, steps, own }) => {
      const at = (rate: number, selection: string) =>
        own.filter((one) => one.rate === rate && one.selection === selection);
      const rates = [...new Set(own.map(({ rate }) => rate))].sort((a, b) => a - b);
      const head = at(0, 'head');
      const rows = rates.map((rate) => {
        const trainable = own.find((one) => one.rate === rate)!.trainable.toLocaleString('en');
        if (rate === 0)
          return ['head alone', trainable, cell(head, 'trainLoss'), '', '', '', cell(head, 'accuracy'), '', '', '', ''];
        if (rate === 1) {
          const all = at(1, 'all');
          return [
            '1 (all)',
            trainable,
            cell(all, 'trainLoss'),
            '',
            '',
            '',
            cell(all, 'accuracy'),
            '',
            '',
            '',
            difference(all, head, 'accuracy'),
          ];
        }
        const [gradient, magnitude, random] = choices.map((choice) => at(rate, choice)) as [
          CurveResult[],
          CurveResult[],
          CurveResult[],
        ];
        const measured = (measure: Measure) => [
          ...[gradient, magnitude, random].map((group) => cell(group, measure)),
          difference(gradient, random, measure),
        ];
        return [
          String(rate),
          trainable,
          ...measured('trainLoss'),
          ...measured('accuracy'),
          difference(gradient, head, 'accuracy'),
        ];
      });
      const columns = [
        'rate',
        'numbers',
        'loss: gradient',
        'magnitude',
        'random',
        'gradient − random',
        'accuracy: gradient',
        'magnitude',
        'random',
        'gradient − random',
        'gradient − head',
      ];
      const seeds = new Set(own.map(({ seed }) => seed)).size;
      return [`### ${title}, ${steps} steps, ${seeds} seeds`, '', markdownTable([columns, ...rows])].join('\n');
    })
    .join('\n\n');
}

/** Accuracy over the rate, a panel a task and K, a line a choice, with 95 % intervals of the mean. */
export function drawCurve(results: readonly CurveResult[]): Promise<string> {
  const cells = cellsOf(results);
  const areNamed = new Set(cells.map(({ title }) => title)).size === cells.length;
  const values = cells.flatMap(({ title: short, steps, own }) => {
    const title = areNamed ? short : `${short}, ${steps} steps`;
    return choices.flatMap((selection) =>
      [...new Set(own.map(({ rate }) => rate))]
        .filter((rate) => rate > 0)
        .map((rate) => {
          const group = own.filter((one) => one.rate === rate && one.selection === (rate === 1 ? 'all' : selection));
          const { mean, interval } = summarise(group.map((one) => valueOf(one, 'accuracy')));
          return { title, selection, rate, mean, low: interval?.[0] ?? mean, high: interval?.[1] ?? mean };
        })
        .filter(({ mean }) => Number.isFinite(mean)),
    );
  });
  const x = {
    field: 'rate',
    type: 'quantitative',
    scale: { type: 'log' },
    axis: { title: 'rate', format: '.0e', tickCount: 6 },
  };
  const color = {
    field: 'selection',
    type: 'nominal',
    scale: { domain: [...choices], range: [plotColours.method0, plotColours.method1, plotColours.floor] },
    legend: { title: null },
  };
  const y = { type: 'quantitative', scale: { zero: false }, axis: { title: 'accuracy', tickCount: 5 } };
  const facet = { field: 'title', sort: null };
  return drawPanels(
    { values, facet, x, y, color, middle: 'mean', scales: { y: 'independent' }, height: 180 },
    'sift-curve',
    'Accuracy over the rate of sparse increments',
  );
}
