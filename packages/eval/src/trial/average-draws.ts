import { softmax } from './softmax.js';

/** Logarithms of the mean probability over draws of logits, of a regression the mean of the outputs; a single draw stays as it is. */
export function averageDraws(drawn: readonly Float32Array[], labels: number, regression: boolean): Float32Array {
  const [first] = drawn as [Float32Array];
  if (drawn.length === 1) return first;
  const values = drawn.map((logits) => (regression ? logits : softmax(logits, labels)));
  return first.map((_, index) => {
    const mean = values.reduce((sum, one) => sum + one[index]!, 0) / drawn.length;
    return regression ? mean : Math.log(Math.max(mean, 1e-30));
  });
}
