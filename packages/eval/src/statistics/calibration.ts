/** How far probabilities can be believed. */
export interface Calibration {
  /** Expected calibration error over bins of equal width of the largest probability (Guo et al. 2017), 0 to 1. */
  readonly expectedError: number;
  /** Mean squared distance of the probabilities to the right answer, summed over classes: 0 to 2 (Brier 1950). */
  readonly brier: number;
}

/** Of probabilities `[rows, classes]` and the right class of each row; rows with one that is not a finite number are left out. NaN for no rows. */
export function calibration(
  probabilities: ArrayLike<number>,
  labels: readonly number[],
  { bins = 15 }: { readonly bins?: number } = {},
): Calibration {
  const classes = probabilities.length / labels.length;
  const counts = Array.from({ length: bins }, () => ({ right: 0, confidence: 0 }));
  let squares = 0;
  let rows = 0;
  labels.forEach((label, row) => {
    for (let c = 0; c < classes; c++) if (!Number.isFinite(probabilities[row * classes + c])) return;
    rows += 1;
    let best = 0;
    for (let c = 0; c < classes; c++) {
      const value = probabilities[row * classes + c]!;
      squares += (value - Number(c === label)) ** 2;
      if (value > probabilities[row * classes + best]!) best = c;
    }
    const confidence = probabilities[row * classes + best]!;
    // Bins are open below and closed above, as in the paper.
    const bin = counts[Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))]!;
    bin.confidence += confidence;
    bin.right += Number(best === label);
  });
  const gaps = counts.reduce((sum, { right, confidence }) => sum + Math.abs(right - confidence), 0);
  return { expectedError: gaps / rows, brier: squares / rows };
}
