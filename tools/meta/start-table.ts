import { meanWithInterval } from '../options/mean-with-interval.js';
import { curveTable } from './curve-table.js';

/** Where finished runs of a family are kept. */
export const startsFile = (family: string): string => `docs/meta/${family}.jsonl`;

/** One preparation that is asked for. */
export interface StartRun {
  readonly family: string;
  readonly method: string;
  /** `none`, or the rule that prepared it. */
  readonly start: string;
  readonly seed: number;
  /** Updates of the preparation. */
  readonly steps: number;
}
/** And what it is worth on held-out tasks. */
export interface StartResult extends StartRun {
  /** Mean accuracy in per cent after each number of steps. */
  readonly accuracy: readonly number[];
  readonly loss: readonly number[];
  readonly secondsToPrepare: number;
}

/** Means over the seeds with 95 % intervals, by method and start, as two tables of Markdown. */
export function startTable(results: readonly StartResult[]): string {
  const table = (value: 'accuracy' | 'loss', digits: number) =>
    curveTable(
      results,
      ['method', 'start'],
      ['family', 'steps'],
      (result) => result[value],
      (values) => meanWithInterval(values, digits),
    );
  return `Accuracy:\n\n${table('accuracy', 1)}\n\nLoss:\n\n${table('loss', 3)}`;
}
