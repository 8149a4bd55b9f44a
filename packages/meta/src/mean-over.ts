import type { LossAndGradients } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/**
 * The mean of losses, terms and gradients, one after the other: what one of them made on its way is freed before the next begins. A gradient that
 * one of them lacks counts as zero there. Call inside `tf.tidy`.
 */
export function meanOver<T>(
  items: readonly T[],
  measure: (item: T, index: number) => LossAndGradients,
): LossAndGradients {
  let sum = new Map<string, tf.Tensor>();
  items.forEach((item, index) => {
    const names: string[] = [];
    const tensors = tf.tidy(() => {
      const { loss, terms, gradients } = measure(item, index);
      const parts = new Map<string, tf.Tensor>([
        ['loss', loss],
        ...Object.entries(terms).map(([name, term]) => [`term ${name}`, term] as const),
        ...[...gradients].map(([name, gradient]) => [`gradient ${name}`, gradient] as const),
      ]);
      const all = new Set([...sum.keys(), ...parts.keys()]);
      names.push(...all);
      return [...all].map((name) => {
        const [before, more] = [sum.get(name), parts.get(name)?.div(items.length)];
        return before && more ? before.add(more) : (more ?? before!.clone());
      });
    });
    tf.dispose([...sum.values()]);
    sum = new Map(names.map((name, place) => [name, tensors[place]!]));
  });
  const named = (prefix: string) =>
    [...sum].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    );
  return {
    loss: (sum.get('loss') ?? tf.scalar(0)) as tf.Scalar,
    terms: Object.fromEntries(named('term ')) as Record<string, tf.Scalar>,
    gradients: new Map(named('gradient ')),
  };
}
