import { createStream, substream } from '@tfjs-peft/peft-core';
import { sizeOf, uniforms } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { type Block, disposePiece, type Piece } from './blocks.js';
import { ownersOf } from './owners.js';
import { signOf, textGradients } from './text-gradients.js';

/**
 * A random projection of the gradients of each tensor of several axes to `dimensions` numbers, the same for all texts. Vectors, such as biases, stay as they
 * are.
 */
export interface Projection {
  readonly dimensions: number;
  readonly seed: number;
}

/** What projecting a piece needs to know. */
interface ProjectOptions {
  readonly projection: Projection;
  readonly groupOf: (name: string) => string;
  /** Whether products of gradients, of their signs, or both will be asked for. */
  readonly plain: boolean;
  readonly signs: boolean;
  readonly threshold: number;
}

/** Makes projected pieces; holds its random matrices until it is disposed. */
export interface Projector {
  /** A piece of projected gradients in the place of another, which is disposed. */
  project(piece: Piece): Piece;
  dispose(): void;
}

/**
 * The matrices have entries ±1/√m; of a tensor with several axes each column is the outer product of two vectors of ±1, so that neither it nor the
 * gradient of an affine map is ever formed. Inner products stay the same in expectation; their error falls with √m. Projections of the tensors of a group stand
 * side by side: added up, each would be noise for the others. Signs are taken before.
 */
export function createProjector(options: ProjectOptions): Projector {
  const { projection, groupOf } = options;
  const matrices = new Map<string, tf.Tensor2D>();
  const rowsNames = new Map<string, string>();
  const signsOf: Signs = (name, shape) => {
    const found = matrices.get(name) ?? tf.keep(drawSigns(name, shape, projection.seed));
    matrices.set(name, found);
    return found;
  };
  return {
    project(piece) {
      const { texts, outputs } = piece;
      const blocks = new Map<string, Block>();
      tf.tidy(() => {
        const inputs = shareInputs(signsOf, projection, rowsNames);
        const groups = new Map<string, { plain: tf.Tensor[][]; signs: tf.Tensor[][] }>();
        for (const [name, block] of piece.blocks) {
          const group = groupOf(name);
          const entry = groups.get(group) ?? { plain: [], signs: [] };
          groups.set(group, entry);
          if (options.plain) entry.plain.push(projectBlock(name, block, options, false, signsOf, inputs));
          if (options.signs) entry.signs.push(projectBlock(name, block, options, true, signsOf, inputs));
        }
        const join = (parts: readonly (readonly tf.Tensor[])[]): tf.Tensor[] =>
          (parts[0] ?? []).map((_, output) =>
            tf.keep(
              tf.concat(
                parts.map((each) => each[output]!),
                1,
              ),
            ),
          );
        for (const [group, { plain, signs }] of groups)
          blocks.set(group, {
            kind: 'projected',
            perOutput: join(plain),
            ...(options.signs && { signs: join(signs) }),
          });
      });
      const projected = { texts, outputs: outputs.clone(), blocks };
      disposePiece(piece);
      return projected;
    },
    dispose: () => tf.dispose([...matrices.values()]),
  };
}

/** A matrix of ±1, drawn by its name and kept. */
type Signs = (name: string, shape: readonly [number, number]) => tf.Tensor2D;

/** Maps of one input share the vectors on its side, and the product with them. */
interface Inputs {
  /** Whose vectors a map has on the side of its input: its own, or those of the first map of that input. For gradients and their signs alike. */
  rowsOf(name: string, x: tf.Tensor2D): string;
  /** Of x `[places, inputs]`: `[places, dimensions]`. */
  product(name: string, x: tf.Tensor2D): tf.Tensor2D;
}

/** What `rowsNames` holds was decided with an earlier piece, and stays. */
function shareInputs(signsOf: Signs, { dimensions }: Projection, rowsNames: Map<string, string>): Inputs {
  const firsts = new Map<object, string>();
  const products = new Map<string, { readonly of: object; readonly product: tf.Tensor2D }>();
  const rowsOf = (name: string, { dataId }: tf.Tensor2D): string => {
    const first = rowsNames.get(name) ?? firsts.get(dataId) ?? name;
    rowsNames.set(name, first);
    firsts.set(dataId, first);
    return first;
  };
  return {
    rowsOf,
    product(name, x) {
      const rows = rowsOf(name, x);
      const known = products.get(rows);
      if (known?.of === x.dataId) return known.product;
      const product = tf.matMul<tf.Tensor2D>(x, signsOf(`${rows}.rows`, [x.shape[1], dimensions]));
      products.set(rows, { of: x.dataId, product });
      return product;
    },
  };
}

/** `[texts, numbers]` an output. */
function projectBlock(
  name: string,
  block: Block,
  { projection: { dimensions, seed }, threshold }: ProjectOptions,
  sign: boolean,
  signsOf: Signs,
  inputs: Inputs,
): tf.Tensor[] {
  const signed = (x: tf.Tensor) => (sign ? signOf(x, threshold) : x);
  const scale = 1 / Math.sqrt(dimensions);
  const sides = (whose: string, rows: number, columns: number) =>
    [signsOf(`${whose}.rows`, [rows, dimensions]), signsOf(`${name}.columns`, [columns, dimensions])] as const;
  /** `[texts, …shape]` to `[texts, dimensions]`; `whose` vectors on the first side. */
  const projectRows = (tensor: tf.Tensor, whose = name): tf.Tensor => {
    const [texts = 0, ...shape] = tensor.shape;
    const [first = 1, ...others] = shape;
    if (others.length === 0) return tensor;
    const rest = sizeOf(others);
    const [left, right] = sides(whose, first, rest);
    const narrow = tf.matMul(tensor.reshape([texts * first, rest]) as tf.Tensor2D, right);
    return narrow.reshape([texts, first, dimensions]).mul(left).sum(1).mul(scale);
  };
  switch (block.kind) {
    case 'projected':
      throw new Error('a piece that is projected already');
    case 'rows':
      return block.perOutput.map((tensor) => tf.tidy(() => projectRows(signed(tensor))));
    case 'affine': {
      const [input, output] = [block.x.shape[1], block.slopes[0]!.shape[1]];
      const whose = inputs.rowsOf(name, block.x);
      if (sign)
        return block.slopes.map((_, c) =>
          tf.concat(
            block.lengths.map((_, text) =>
              tf.tidy(() =>
                projectRows(signed(textGradients(block, c, text, text + 1)).reshape([1, input, output]), whose),
              ),
            ),
          ),
        );
      const seen = inputs.product(name, block.x);
      const right = signsOf(`${name}.columns`, [output, dimensions]);
      const owners = ownersOf(block.lengths);
      return block.slopes.map((slope) =>
        tf.tidy(() => tf.matMul(owners, seen.mul(tf.matMul(slope, right)) as tf.Tensor2D).mul(scale)),
      );
    }
    case 'table': {
      const owners = ownersOf(block.lengths);
      const right = signsOf(`${name}.columns`, [block.slopes[0]!.shape[1], dimensions]);
      // Drawn by the row's own number, and not kept: there are as many as words.
      const left = tf.concat([...block.ids].map((id) => drawSigns(`${name}.rows.${id}`, [1, dimensions], seed)));
      return block.slopes.map((slope) =>
        tf.tidy(() =>
          tf.matMul(owners, tf.matMul(signed(slope) as tf.Tensor2D, right).mul(left) as tf.Tensor2D).mul(scale),
        ),
      );
    }
  }
}

const drawSigns = (name: string, shape: readonly [number, number], seed: number): tf.Tensor2D => {
  const values = uniforms(substream(createStream(seed), name), sizeOf(shape));
  return tf.tensor2d(
    values.map((value) => (value < 0.5 ? -1 : 1)),
    [...shape],
  );
};
