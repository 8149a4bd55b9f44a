import { mcNemar } from '../statistics/mcnemar.js';
import type { KernelMeasurement, KernelRow } from './measure-kernels.js';

/** A place in an order in which equal things share one. */
export interface RankedKernel {
  readonly method: string;
  /** 1 for the first; methods that the development texts cannot tell from the first of their place share it. */
  readonly place: number;
  readonly dev: number;
  /** Two-sided exact p of McNemar's test against the first of its place. */
  readonly p: number;
}

/**
 * Methods by what their kernels do on the development texts. One that McNemar's exact test does not separate from the first of a place at `level` shares
 * that place. Test texts play no part.
 */
export function rankKernels({ rows, devLabels }: KernelMeasurement, level = 0.05): RankedKernel[] {
  const rightOf = ({ devPredictions }: KernelRow) => devLabels.map((label, text) => devPredictions[text] === label);
  const sorted = [...rows].sort((a, b) => b.dev - a.dev);
  const ranked: RankedKernel[] = [];
  let first: { readonly row: KernelRow; readonly place: number } | undefined;
  sorted.forEach((row, index) => {
    const p = first ? mcNemar(rightOf(first.row), rightOf(row)).pValue : 1;
    if (!first || p <= level) first = { row, place: index + 1 };
    ranked.push({ method: row.method, place: first.place, dev: row.dev, p: first.row === row ? 1 : p });
  });
  return ranked;
}
