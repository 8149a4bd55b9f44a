import { expect } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';

/**
 * Compares the gradient with central differences along random directions, relative 1e-2. The differences are of fourth order, so that the
 * step can be wide and float32's rounding small.
 */
export async function expectGradient(
  shapes: readonly (readonly number[])[],
  f: (...tensors: tf.Tensor[]) => tf.Scalar,
): Promise<void> {
  const point = shapes.map((shape, i) => tf.randomNormal([...shape], 0.5, 0.5, 'float32', 11 + i));
  const gradients = tf.grads(f)(point);
  for (let axis = 0; axis < shapes.length; axis++)
    for (let trial = 0; trial < 3; trial++) {
      const direction = tf.randomNormal(point[axis]!.shape, 0, 1, 'float32', 1000 + 10 * axis + trial);
      const unit = direction.div(direction.norm());
      const epsilon = 3e-2;
      const difference = async (step: number) => {
        const at = (shift: number) =>
          tf.tidy(() => f(...point.map((x, i) => (i === axis ? x.add(unit.mul(shift)) : x))));
        return (await at(step).data())[0]! - (await at(-step).data())[0]!;
      };
      const slope = (8 * (await difference(epsilon)) - (await difference(2 * epsilon))) / (12 * epsilon);
      const expected = (await gradients[axis]!.mul(unit).sum().data())[0]!;
      const scale = (await gradients[axis]!.norm().data())[0]!;
      expect(scale).toBeGreaterThan(1e-3);
      expect(Math.abs(expected - slope)).toBeLessThan(1e-2 * Math.max(Math.abs(slope), scale / Math.sqrt(unit.size)));
    }
  tf.dispose([point, gradients]);
}
