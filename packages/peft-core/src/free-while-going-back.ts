import type * as tf from '@tensorflow/tfjs';

/** A node of TensorFlow.js' tape, as far as it is used here. */
interface TapeNode {
  /** An output that the loss does not depend on has no gradient: null, whatever the type says. */
  gradient?: (dys: tf.Tensor[]) => Record<string, () => tf.Tensor>;
}

/**
 * Makes a backward pass free the gradients of a node's outputs as soon as the pass is behind it; TensorFlow.js frees them all at the end. What the forward pass
 * has saved stays until then, because gradient functions may read it by other names. Call it when the forward pass is recorded.
 */
export function freeWhileGoingBack(tape: readonly TapeNode[]): void {
  const given = new Set<tf.Tensor>();
  /** Gradients that stand for several tensors. */
  const shared = new Set<tf.Tensor>();
  let finish = () => {};
  for (const node of tape) {
    const { gradient } = node;
    if (!gradient) continue;
    node.gradient = (dys) => {
      finish();
      const gradients = gradient(dys);
      finish = () => {
        for (const dy of dys as (tf.Tensor | null)[]) if (dy && !dy.kept && !shared.has(dy)) dy.dispose();
      };
      const noting = (compute: () => tf.Tensor) => () => {
        const dx = compute();
        if (given.has(dx) || dys.includes(dx)) shared.add(dx);
        given.add(dx);
        return dx;
      };
      return Object.fromEntries(Object.entries(gradients).map(([input, compute]) => [input, noting(compute)]));
    };
  }
}
