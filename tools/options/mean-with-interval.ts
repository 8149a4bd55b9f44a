import { summarise } from '@tfjs-peft/eval/statistics';

/** A cell of a table: `71.3 [68.9, 73.7]`, the mean with its 95 % interval where there is one. */
export function meanWithInterval(values: readonly number[], digits = 1): string {
  const { mean, interval } = summarise(values);
  return mean.toFixed(digits) + (interval ? ` [${interval.map((end) => end.toFixed(digits)).join(', ')}]` : '');
}
