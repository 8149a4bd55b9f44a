import * as tf from '@tensorflow/tfjs';
import type { Pass } from './pass.js';

/**
 * y itself, whose slope is shown in the backward pass to those who look at it. Of several paths the results stand side by side. `factor` gives from x
 * what is shown beside it.
 */
export function watchSlopes(
  y: tf.Tensor,
  x: tf.Tensor,
  paths: readonly string[],
  { interventions: { at } }: Pass,
  factor: (x: tf.Tensor) => tf.Tensor = (states) => states,
): tf.Tensor {
  const taps = paths.flatMap((path, place) => at('slopeTap', path).map((tap) => ({ tap, place })));
  if (taps.length === 0) return y;
  return tf.customGrad((value, ...rest) => {
    (rest.at(-1) as tf.GradSaveFunc)([x]);
    return {
      value: (value as tf.Tensor).clone(),
      gradFunc: (dy: tf.Tensor, [states]: tf.Tensor[]) => {
        tf.tidy(() => {
          const slopes = paths.length === 1 ? [dy] : tf.split(dy, paths.length, -1);
          taps.forEach(({ tap, place }) => tap.observe(slopes[place]!, () => factor(states!)));
        });
        return [dy.clone(), ...taps.map(() => tf.zeros([]))];
      },
    };
  })(y, ...taps.map(({ tap }) => tap.through));
}
