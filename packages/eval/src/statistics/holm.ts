/** One comparison of a family after Holm's step-down correction, in the order the p-values were given. */
export interface HolmResult {
  /** Adjusted p-value: compare it with the family's alpha. */
  readonly adjusted: number;
  /** The alpha this comparison is tested at; an interval of confidence `1 - alpha` excludes zero exactly when `separated`. */
  readonly alpha: number;
  readonly separated: boolean;
}

/**
 * Holm's step-down procedure (Holm 1979). The p-values, smallest first, are tested at `alpha / m`, `alpha / (m - 1)`, …; from the first
 * that fails on, none is significant, and all those keep the level of that first failure, so that an interval at the returned level never
 * contradicts the verdict. What is not a number is no test: it is not separated, and does not count.
 */
export function holm(pValues: readonly number[], alpha = 0.05): HolmResult[] {
  const order = [...pValues.keys()]
    .filter((index) => !Number.isNaN(pValues[index]))
    .sort((a, b) => pValues[a]! - pValues[b]!);
  const results = pValues.map((): HolmResult => ({ adjusted: NaN, alpha, separated: false }));
  let adjusted = 0;
  let failedAt: number | undefined;
  order.forEach((index, rank) => {
    const level = failedAt ?? alpha / (order.length - rank);
    adjusted = Math.max(adjusted, Math.min(1, pValues[index]! * (order.length - rank)));
    const separated = failedAt === undefined && pValues[index]! < level;
    if (!separated) failedAt ??= level;
    results[index] = { adjusted, alpha: level, separated };
  });
  return results;
}
