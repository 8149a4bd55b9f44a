import { createStream, substream } from '@tfjs-peft/peft-core';
import { sizeOf, uniforms } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { type Block, disposePiece, type Piece } from './blocks.js';
import { ownersOf } from './owners.js';
import { signOf, textGradients } from './text-gradients.js';

/** A random projection of all gradients of a group to `dimensions` numbers, the same for all texts. */
export interface Projection {
  readonly dimensions: number;
  readonly seed: number;
}

/** What projecting a piece needs to know. */
export interface ProjectOptions {
  readonly projection: Projection;
  readonly groupOf: (name: string) => string;
  /** Whether products of gradients, of their signs, or both will be asked for. */
  readonly plain: boolean;
  readonly signs: boolean;
  readonly threshold: number;
}

/**
 * A piece of projected gradients in the place of another, which is disposed. The matrix has entries ±1/√m; of a tensor with several axes each of its
 * columns is the outer product of two vectors of ±1, so that neither it nor the gradient of an affine map is ever formed. Inner products stay the same in
 * expectation; their error falls with √m. Signs are taken before.
 */
export function projectPiece(piece: Piece, options: ProjectOptions): Piece {
  const groups = new Map<string, { plain: tf.Tensor[][]; signs: tf.Tensor[][] }>();
  tf.tidy(() => {
    for (const [name, block] of piece.blocks) {
      const group = options.groupOf(name);
      const entry = groups.get(group) ?? { plain: [], signs: [] };
      groups.set(group, entry);
      if (options.plain) entry.plain.push(projectBlock(name, block, options, false).map((part) => tf.keep(part)));
      if (options.signs) entry.signs.push(projectBlock(name, block, options, true).map((part) => tf.keep(part)));
    }
  });
  const add = (parts: readonly (readonly tf.Tensor[])[]): tf.Tensor[] => {
    const sums = (parts[0] ?? []).map((_, output) => tf.addN(parts.map((each) => each[output]!)));
    tf.dispose(parts.flat());
    return sums;
  };
  const { texts, outputs } = piece;
  const blocks = new Map<string, Block>(
    [...groups].map(([group, { plain, signs }]) => [
      group,
      { kind: 'projected', perOutput: add(plain), ...(options.signs && { signs: add(signs) }) },
    ]),
  );
  const projected = { texts, outputs: outputs.clone(), blocks };
  disposePiece(piece);
  return projected;
}

/** `[texts, dimensions]` an output. */
function projectBlock(name: string, block: Block, options: ProjectOptions, sign: boolean): tf.Tensor[] {
  const { projection, threshold } = options;
  const { dimensions } = projection;
  const signed = (x: tf.Tensor) => (sign ? signOf(x, threshold) : x);
  const scale = 1 / Math.sqrt(dimensions);
  switch (block.kind) {
    case 'projected':
      throw new Error('a piece that is projected already');
    case 'rows':
      return block.perOutput.map((tensor) => tf.tidy(() => projectRows(name, signed(tensor), projection).mul(scale)));
    case 'affine': {
      const [input, output] = [block.x.shape[1], block.slopes[0]!.shape[1]];
      const texts = block.lengths.length;
      if (sign)
        return block.slopes.map((_, c) =>
          tf.tidy(() => {
            const formed = Array.from({ length: texts }, (_, text) =>
              tf.tidy(() =>
                projectRows(
                  name,
                  signed(textGradients(block, c, text, text + 1)).reshape([1, input, output]),
                  projection,
                ),
              ),
            );
            return tf.concat(formed).mul(scale);
          }),
        );
      const [left, right] = sides(name, [input, output], projection);
      const owners = ownersOf(block.lengths);
      const seen = tf.matMul(block.x, left);
      return block.slopes.map((slope) =>
        tf.tidy(() => tf.matMul(owners, seen.mul(tf.matMul(slope, right)) as tf.Tensor2D).mul(scale)),
      );
    }
    case 'table': {
      const owners = ownersOf(block.lengths);
      const size = block.slopes[0]!.shape[1];
      const right = signs(`${name}.columns`, [size, dimensions], projection.seed);
      const left = rowSigns(name, block.ids, projection);
      return block.slopes.map((slope) =>
        tf.tidy(() =>
          tf.matMul(owners, tf.matMul(signed(slope) as tf.Tensor2D, right).mul(left) as tf.Tensor2D).mul(scale),
        ),
      );
    }
  }
}

/** `[texts, …shape]` to `[texts, dimensions]`, without the scale. */
function projectRows(name: string, tensor: tf.Tensor, projection: Projection): tf.Tensor2D {
  const [texts = 0, ...shape] = tensor.shape;
  const { dimensions, seed } = projection;
  if (shape.length < 2)
    return tf.matMul(tensor.reshape([texts, -1]), signs(`${name}.columns`, [sizeOf(shape), dimensions], seed));
  const [first = 1, ...others] = shape;
  const rest = sizeOf(others);
  const [left, right] = sides(name, [first, rest], projection);
  const narrow = tf.matMul(tensor.reshape([texts * first, rest]) as tf.Tensor2D, right);
  return narrow.reshape([texts, first, dimensions]).mul(left).sum(1) as tf.Tensor2D;
}

const sides = (name: string, [rows, columns]: readonly [number, number], { dimensions, seed }: Projection) =>
  [signs(`${name}.rows`, [rows, dimensions], seed), signs(`${name}.columns`, [columns, dimensions], seed)] as const;

/** Rows of ±1 of a table, drawn by the row's own number. */
const rowSigns = (name: string, ids: Int32Array, { dimensions, seed }: Projection): tf.Tensor2D =>
  tf.concat([...ids].map((id) => signs(`${name}.rows.${id}`, [1, dimensions], seed)));

const signs = (name: string, shape: readonly [number, number], seed: number): tf.Tensor2D => {
  const values = uniforms(substream(createStream(seed), name), sizeOf(shape));
  return tf.tensor2d(
    values.map((value) => (value < 0.5 ? -1 : 1)),
    [...shape],
  );
};
