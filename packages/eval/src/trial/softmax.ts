/** Probabilities of logits `[rows, columns]`, row by row, in double precision. */
export function softmax(logits: Float32Array, columns: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += columns) {
    const row = logits.subarray(start, start + columns);
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    row.forEach((logit, column) => (result[start + column] = Math.exp(logit - largest) / total));
  }
  return result;
}

/** Probabilities of logits that are questions of their own. */
export const sigmoid = (logits: Float32Array): Float64Array => Float64Array.from(logits, (x) => 1 / (1 + Math.exp(-x)));

/** Index of the largest value of each row; the first one of equal ones. */
export const argmaxRows = (logits: Float32Array, columns: number): number[] =>
  Array.from({ length: columns === 0 ? 0 : logits.length / columns }, (_, row) => {
    let best = 0;
    for (let column = 1; column < columns; column++)
      if (logits[row * columns + column]! > logits[row * columns + best]!) best = column;
    return best;
  });

/** Six significant digits: enough to repeat any test later, half the bytes. */
export const roundNumber = (value: number): number => Number(value.toPrecision(6));
