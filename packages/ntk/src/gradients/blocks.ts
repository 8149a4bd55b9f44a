import * as tf from '@tensorflow/tfjs';

/** Gradients of single texts with respect to one tensor, one entry an output: `[texts, …shape]`. */
interface RowsBlock {
  readonly kind: 'rows';
  readonly perOutput: readonly tf.Tensor[];
}

/**
 * Gradients of an affine map's weight, not formed: that of a text is the sum over its places of `xᵀ · slope`. Places of a text stand together.
 */
export interface AffineBlock {
  readonly kind: 'affine';
  /** `[places, input]` */
  readonly x: tf.Tensor2D;
  /** One entry an output, `[places, output]`. */
  readonly slopes: readonly tf.Tensor2D[];
  /** How many places each text has, in order. */
  readonly lengths: readonly number[];
}

/** Gradients of a table, of which a text touches a few rows: `ids` are these rows, each once a text, texts one after the other. */
export interface TableBlock {
  readonly kind: 'table';
  readonly ids: Int32Array;
  readonly lengths: readonly number[];
  /** One entry an output, `[ids, size]`. */
  readonly slopes: readonly tf.Tensor2D[];
}

/** Random projections of all gradients of a group, `[texts, dimensions]`, one entry an output; `signs` are those of the signs. */
interface ProjectedBlock {
  readonly kind: 'projected';
  readonly perOutput: readonly tf.Tensor[];
  readonly signs?: readonly tf.Tensor[];
}

/** What is known of the gradients of a batch with respect to one tensor. */
export type Block = RowsBlock | AffineBlock | TableBlock | ProjectedBlock;

/** The gradients of a batch of texts, of every output. */
export interface Piece {
  /** Places of its texts in the list that it is of. */
  readonly texts: readonly number[];
  /** By the name of the parameter or the path of the tensor; of the group once projected. */
  readonly blocks: ReadonlyMap<string, Block>;
  /** Outputs of these texts, `[texts, outputs]`. */
  readonly outputs: tf.Tensor2D;
}

const tensorsOf = (block: Block): readonly tf.Tensor[] => {
  switch (block.kind) {
    case 'rows':
      return block.perOutput;
    case 'affine':
      return [block.x, ...block.slopes];
    case 'table':
      return block.slopes;
    case 'projected':
      return [...block.perOutput, ...(block.signs ?? [])];
  }
};

/** Memory that a piece holds, by what it grows with. Tensors that share their numbers count once. */
export function bytesOf({ blocks }: Piece): { readonly ofTexts: number; readonly ofTokens: number } {
  const sizes = { ofTexts: new Map<object, number>(), ofTokens: new Map<object, number>() };
  for (const block of blocks.values()) {
    const grows = block.kind === 'affine' || block.kind === 'table' ? sizes.ofTokens : sizes.ofTexts;
    for (const { dataId, size } of tensorsOf(block)) grows.set(dataId, 4 * size);
  }
  const sum = (map: ReadonlyMap<object, number>) => [...map.values()].reduce((total, bytes) => total + bytes, 0);
  return { ofTexts: sum(sizes.ofTexts), ofTokens: sum(sizes.ofTokens) };
}

const disposeBlocks = (blocks: Iterable<Block>): void => tf.dispose([...blocks].flatMap(tensorsOf));

export function disposePiece({ blocks, outputs }: Piece): void {
  disposeBlocks(blocks.values());
  outputs.dispose();
}
