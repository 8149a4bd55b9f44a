import type { MetricValue } from './classification-metrics.js';

type Numbers = ArrayLike<number>;

/** Pearson correlation. Undefined where one side is constant or not finite. */
export function pearson(x: Numbers, y: Numbers): MetricValue {
  const a = centred(x);
  const b = centred(y);
  if (!a || !b) return undefined;
  let product = 0;
  for (let i = 0; i < a.length; i++) product += a[i]! * b[i]!;
  return Math.max(-1, Math.min(1, product));
}

/** Spearman correlation: Pearson on average ranks. Undefined where one side is constant or not finite. */
export const spearman = (x: Numbers, y: Numbers): MetricValue => pearson(averageRanks(x), averageRanks(y));

/** Deviations from the mean with unit length. Dividing by the largest first keeps squares of tiny or huge values in range. */
function centred(values: Numbers): Float64Array | undefined {
  const count = values.length;
  let constant = true;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(values[i])) return undefined;
    constant &&= values[i] === values[0];
    sum += values[i]!;
  }
  // Asked of the values themselves: their computed mean may differ from all of them by rounding.
  if (constant) return undefined;
  const deviations = Float64Array.from({ length: count }, (_, i) => values[i]! - sum / count);
  const largest = deviations.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const norm = Math.sqrt(deviations.reduce((total, value) => total + (value / largest) ** 2, 0));
  return deviations.map((value) => value / largest / norm);
}

/** Ranks from 1; equal values share the mean of their ranks. NaN stays NaN. */
export function averageRanks(values: Numbers): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  let start = 0;
  while (start < order.length) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) {
      const value = values[order[i]!]!;
      ranks[order[i]!] = Number.isFinite(value) ? (start + 1 + end) / 2 : Number.NaN;
    }
    start = end;
  }
  return ranks;
}
