import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeMoveRows } from '../kernels/native-kernels.js';

/**
 * How the hidden states of a batch stand between two attentions: `[batch, tokens, size]`, or without padding `[1, n, size]`, the n tokens of
 * all texts one after the other. Every map of an encoder but the attention treats each token for itself, so that padding need not be computed.
 */
export interface TokenLayout {
  /** `[batch, tokens, size]` to this layout. */
  pack(padded: tf.Tensor): tf.Tensor;
  /** The inverse; 0 at padding where that was left out. */
  unpack(states: tf.Tensor): tf.Tensor;
  /** A vector `[size]`, or one an example, `[batch, size]`, so that it broadcasts over states. */
  perToken(vector: tf.Tensor): tf.Tensor;
}

export const paddedLayout: TokenLayout = {
  pack: (padded) => padded,
  unpack: (states) => states,
  perToken: (vector) => (vector.rank === 2 ? vector.expandDims(1) : vector),
};

/** Of the tokens at these places `[n]` of a flattened batch of this shape, `[batch, tokens]`. */
export function packedLayout(places: tf.Tensor1D, shape: readonly [number, number]): TokenLayout {
  const { pack, unpack } = (hasFusedKernels() ? nativeMoves : portableMoves)(places, shape);
  const [batch, tokens] = shape;
  // `[n, batch]`, 1 where a token belongs to the example. Made even if nothing asks for it: a layer frees at its end what it makes.
  const examples = tf.tidy(() =>
    exampleOf(places, tokens)
      .expandDims(1)
      .equal(tf.range(0, batch, 1, 'int32'))
      .toFloat(),
  ) as tf.Tensor2D;
  return {
    pack: (padded) => inverses(padded, pack, unpack),
    unpack: (states) => inverses(states, unpack, pack),
    // A product, whose gradient is one as well: few examples make it cheap.
    perToken: (vector) => (vector.rank === 2 ? tf.matMul<tf.Tensor>(examples, vector).expandDims(0) : vector),
  };
}

/** States from one layout to the other, by the places that are given to it: whoever calls it in a backward pass keeps them. */
interface Move {
  readonly by: tf.Tensor1D;
  readonly compute: (x: tf.Tensor, by: tf.Tensor1D) => tf.Tensor;
}

interface Moves {
  readonly pack: Move;
  readonly unpack: Move;
}

/** Of two moves that undo each other, each is the other's gradient. */
const inverses = (x: tf.Tensor, move: Move, back: Move): tf.Tensor =>
  tf.customGrad((input, save) => {
    (save as tf.GradSaveFunc)([back.by]);
    const gradFunc = (dy: tf.Tensor, [by]: tf.Tensor[]) => tf.tidy(() => back.compute(dy, by as tf.Tensor1D));
    return { value: tf.tidy(() => move.compute(input as tf.Tensor, move.by)), gradFunc };
  })(x);

const rowsOf = (x: tf.Tensor): tf.Tensor2D => x.reshape([-1, x.shape.at(-1)!]);

function portableMoves(places: tf.Tensor1D, [batch, tokens]: readonly [number, number]): Moves {
  return {
    pack: { by: places, compute: (padded, by) => tf.gather(rowsOf(padded), by).expandDims(0) },
    unpack: {
      by: places,
      compute(packed, by) {
        const size = packed.shape.at(-1)!;
        return tf.scatterND(by.expandDims(1), rowsOf(packed), [batch * tokens, size]).reshape([batch, tokens, size]);
      },
    },
  };
}

function nativeMoves(places: tf.Tensor1D, [batch, tokens]: readonly [number, number]): Moves {
  const numbers = tf.range(1, places.size + 1);
  const packedRow = tf.tidy(() => tf.scatterND(places.expandDims(1), numbers, [batch * tokens]).sub(1)) as tf.Tensor1D;
  return {
    pack: { by: places.toFloat(), compute: (padded, by) => nativeMoveRows(rowsOf(padded), by).expandDims(0) },
    unpack: {
      by: packedRow,
      compute: (packed, by) => nativeMoveRows(rowsOf(packed), by).reshape([batch, tokens, packed.shape.at(-1)!]),
    },
  };
}

/** Places of virtual tokens and of the text in a flattened `[batch, virtual + tokens]`, from the places of the text in `[batch, tokens]`. */
export function placesWithVirtual(
  textPositions: tf.Tensor1D,
  [batch, tokens]: readonly [number, number],
  virtual: number,
): tf.Tensor1D {
  if (virtual === 0) return textPositions;
  const starts = tf.range(0, batch * (virtual + tokens), virtual + tokens, 'int32');
  const ofVirtual = starts
    .expandDims(1)
    .add(tf.range(0, virtual, 1, 'int32'))
    .flatten();
  const within = textPositions.mod(tf.scalar(tokens, 'int32')).add(tf.scalar(virtual, 'int32'));
  const ofText = tf.gather(starts, exampleOf(textPositions, tokens)).add(within);
  return tf.concat([ofVirtual, ofText] as tf.Tensor1D[]);
}

/** The row in which a place of a flattened `[batch, tokens]` lies. */
const exampleOf = (places: tf.Tensor1D, tokens: number): tf.Tensor1D => places.floorDiv(tf.scalar(tokens, 'int32'));
