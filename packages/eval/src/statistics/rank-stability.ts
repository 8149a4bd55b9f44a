import { kendallTau } from './kendall-tau.js';
import { averageRanks, tieTerm } from './ranks.js';

/** How far the order of methods is the same on all tasks. */
export interface RankStability {
  /** Kendall's W, corrected for ties: 1 for one order everywhere, near 0 for none in common. Null for fewer than two tasks or methods, and where a score is not a number. */
  readonly concordance: number | null;
  /** Mean Kendall tau-b of all pairs of tasks; null where none is defined. */
  readonly meanTau: number | null;
  /** Mean rank of each method, 1 the best. */
  readonly meanRanks: readonly number[];
}

/** Of scores `[task][method]`, larger is better. */
export function rankStability(scores: readonly (readonly number[])[]): RankStability {
  const [tasks, methods] = [scores.length, scores[0]?.length ?? 0];
  const ranks = scores.map((row) => averageRanks(row.map((value) => -value)));
  const sums = Array.from({ length: methods }, (_, method) => ranks.reduce((sum, row) => sum + row[method]!, 0));
  const meanRanks = sums.map((sum) => sum / tasks);
  if (tasks < 2 || methods < 2) return { concordance: null, meanTau: null, meanRanks };
  const centre = (tasks * (methods + 1)) / 2;
  const spread = sums.reduce((total, sum) => total + (sum - centre) ** 2, 0);
  const ties = scores.reduce((total, row) => total + tieTerm(row), 0);
  const most = (tasks * tasks * (methods ** 3 - methods) - tasks * ties) / 12;
  const taus = scores.flatMap((a, i) => scores.slice(i + 1).flatMap((b) => kendallTau(a, b) ?? []));
  return {
    concordance: most > 0 && !Number.isNaN(spread) ? spread / most : null,
    meanTau: taus.length > 0 ? taus.reduce((sum, tau) => sum + tau, 0) / taus.length : null,
    meanRanks,
  };
}
