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
  const sorted = [...rows].sort((a, b) => b.dev - a.dev);
  const ranked: RankedKernel[] = [];
  let first: { readonly row: KernelRow; readonly place: number } | undefined;
  sorted.forEach((row, index) => {
    const p = first ? mcNemar(first.row.devPredictions, row.devPredictions, devLabels) : 1;
    if (!first || p <= level) first = { row, place: index + 1 };
    ranked.push({ method: row.method, place: first.place, dev: row.dev, p: first.row === row ? 1 : p });
  });
  return ranked;
}

/** Two-sided exact test that of the texts on which just one of two is right, each has half. */
export function mcNemar(a: readonly number[], b: readonly number[], labels: readonly number[]): number {
  let [onlyA, onlyB] = [0, 0];
  labels.forEach((label, i) => {
    if (a[i] === label && b[i] !== label) onlyA++;
    if (a[i] !== label && b[i] === label) onlyB++;
  });
  const n = onlyA + onlyB;
  let [tail, term] = [0, 0.5 ** n];
  for (let k = 0; k <= Math.min(onlyA, onlyB); k++) {
    tail += term;
    term *= (n - k) / (k + 1);
  }
  return Math.min(1, 2 * tail);
}
