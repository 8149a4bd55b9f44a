import * as tf from '@tensorflow/tfjs';

/** Which tokens there are. */
export interface TokenMask {
  /** `[batch, past]` int32 of earlier passes. */
  readonly past: tf.Tensor2D | undefined;
  /** `[batch, virtual + tokens]` int32 of this pass, 1 for what is attended to. */
  readonly present: tf.Tensor2D;
  /** Virtual tokens at the start of this pass: they belong to every document. */
  readonly virtual: number;
  /** `[batch, tokens]` int32. */
  readonly documentIds: tf.Tensor2D | undefined;
}

/**
 * `[batch, virtual + tokens, past + virtual + tokens]`, 1 where a token may look: at what stands before it, at itself, at no padding and at no other
 * document.
 */
export function visibleTokens({ past, present, virtual, documentIds }: TokenMask): tf.Tensor3D {
  const tokens = present.shape[1];
  const before = past?.shape[1] ?? 0;
  const columns = before + tokens;
  const causal = tf
    .range(0, columns, 1, 'int32')
    .lessEqual(tf.range(before, columns, 1, 'int32').expandDims(1))
    .toFloat();
  const open = (past ? tf.concat([past, present], 1) : present).toFloat().expandDims(1);
  const seen = causal.expandDims(0).mul(open) as tf.Tensor3D;
  return documentIds ? seen.mul(sameDocument(documentIds, virtual)) : seen;
}

function sameDocument(documentIds: tf.Tensor2D, virtual: number): tf.Tensor {
  const same = documentIds.expandDims(2).equal(documentIds.expandDims(1)).toFloat() as tf.Tensor3D;
  if (virtual === 0) return same;
  const edges: [number, number][] = [
    [0, 0],
    [virtual, 0],
    [virtual, 0],
  ];
  return same.pad(edges, 1);
}

/**
 * Position ids `[batch, virtual + tokens]` int32: how many tokens stand before each one that it sees, so that padding on either side, earlier passes and
 * several documents in a row need no rule of their own; `offset` is what prefixes add.
 */
export const positionsOf = (visible: tf.Tensor3D, offset: number): tf.Tensor2D =>
  visible.sum(2).sub(1).maximum(0).add(offset).toInt() as tf.Tensor2D;

const closed = -1e9;

/** What is added to scores: 0 where a token may look. */
export const additive = (visible: tf.Tensor3D): tf.Tensor => tf.sub(1, visible).mul(closed).expandDims(1);
