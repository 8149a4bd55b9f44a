import type * as tf from '@tensorflow/tfjs';

/** A node of TensorFlow.js' tape, as far as it is used here. */
interface TapeNode {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  /** An output that the loss does not depend on has no gradient: null, whatever the type says. */
  gradient?: (dys: tf.Tensor[]) => Record<string, () => tf.Tensor>;
}

/**
 * Makes a backward pass free the gradients of a node's outputs as soon as the pass is behind it, and what was added to another gradient; TensorFlow.js frees
 * them all at the end. What the forward pass has saved stays until then, because gradient functions may read it by other names. Call it when the forward
 * pass is recorded.
 */
export function freeWhileGoingBack(tape: readonly TapeNode[]): void {
  const given = new Set<tf.Tensor>();
  /** Gradients that stand for several tensors. */
  const shared = new Set<tf.Tensor>();
  /** Tensors of the forward pass that have a gradient: what comes next is added to it, and then nobody's. */
  const reached = new Set<number>();
  let finish = () => {};
  for (const node of tape) {
    const { gradient, inputs } = node;
    if (!gradient) continue;
    node.gradient = (dys) => {
      finish();
      const gradients = gradient(dys);
      const used: (tf.Tensor | null)[] = [...dys];
      finish = () => {
        for (const tensor of used) if (tensor && !tensor.kept && !shared.has(tensor)) tensor.dispose();
      };
      const noting = (input: string, compute: () => tf.Tensor) => () => {
        const dx = compute();
        if (given.has(dx) || dys.includes(dx)) shared.add(dx);
        given.add(dx);
        const { id } = inputs[input]!;
        if (reached.has(id)) used.push(dx);
        reached.add(id);
        return dx;
      };
      return Object.fromEntries(Object.entries(gradients).map(([input, compute]) => [input, noting(input, compute)]));
    };
  }
}
