import { timesTransposed } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { AffineBlock, Block, TableBlock } from './blocks.js';
import { type KernelKind, signsOf } from './kernel-kinds.js';
import { ownersOf } from './owners.js';
import { formGradients, signOf } from './text-gradients.js';

/** Numbers of one single-precision sum: longer ones are added up in double precision. */
const columnsAtOnce = 65536;
/** Numbers of formed gradients of one side that are held at once: few enough for a processor's cache. */
const formedAtOnce = 2 ** 21;

/** Products of inputs that several maps share, kept until another one is asked for. */
export interface SharedProducts {
  inputs(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D;
  dispose(): void;
}

export function shareProducts(): SharedProducts {
  let last: { readonly a: object; readonly b: object; readonly product: tf.Tensor2D } | undefined;
  return {
    inputs(a, b) {
      if (last?.a === a.dataId && last.b === b.dataId) return last.product;
      last?.product.dispose();
      last = { a: a.dataId, b: b.dataId, product: tf.keep(timesTransposed(a, b)) };
      return last.product;
    },
    dispose: () => last?.product.dispose(),
  };
}

/**
 * The inner products of the gradients of two batches with respect to one tensor, by kind: parts whose sum is `[outputs · rows, outputs · columns]`, outputs
 * outermost. Call inside `tf.tidy`.
 */
export function multiplyBlocks(
  a: Block,
  b: Block,
  kinds: readonly KernelKind[],
  threshold: number,
  shared: SharedProducts,
): tf.Tensor2D[][] {
  const signed = (tensor: tf.Tensor, sign: boolean) => (sign ? signOf(tensor, threshold) : tensor);
  if (a.kind === 'affine' && b.kind === 'affine') {
    const isFormed = (kind: KernelKind) => signsOf[kind].rows || signsOf[kind].columns;
    const formed = kinds.filter(isFormed);
    const products = formed.length > 0 ? multiplyFormed(a, b, formed, threshold) : [];
    return kinds.map((kind) =>
      isFormed(kind) ? products[formed.indexOf(kind)]! : [eachPair(a, b, (c, d) => ghostProduct(a, b, c, d, shared))],
    );
  }
  return kinds.map((kind) => {
    const { rows, columns } = signsOf[kind];
    if (a.kind === 'rows' && b.kind === 'rows')
      return multiplyRows(signed(flat(a.perOutput), rows), signed(flat(b.perOutput), columns));
    if (a.kind === 'projected' && b.kind === 'projected') {
      const of = (block: typeof a, sign: boolean) => flat(sign ? block.signs! : block.perOutput);
      return multiplyRows(of(a, rows), of(b, columns));
    }
    if (a.kind === 'table' && b.kind === 'table')
      return [eachPair(a, b, (c, d) => tableProduct(a, b, signed(a.slopes[c]!, rows), signed(b.slopes[d]!, columns)))];
    throw new Error(`blocks of one tensor that are ${a.kind} and ${b.kind}`);
  });
}

/** All outputs one after the other, `[outputs · texts, numbers]`. */
const flat = (perOutput: readonly tf.Tensor[]): tf.Tensor2D =>
  tf.concat(perOutput.map((tensor) => tensor.reshape([tensor.shape[0]!, -1])) as tf.Tensor2D[]);

function multiplyRows(a: tf.Tensor, b: tf.Tensor): tf.Tensor2D[] {
  const size = a.shape[1]!;
  const parts = Math.ceil(size / columnsAtOnce);
  if (parts <= 1) return [timesTransposed(a as tf.Tensor2D, b as tf.Tensor2D)];
  return Array.from({ length: parts }, (_, part) =>
    tf.tidy(() => {
      const start = part * columnsAtOnce;
      const of = (x: tf.Tensor) => x.slice([0, start], [-1, Math.min(columnsAtOnce, size - start)]) as tf.Tensor2D;
      return timesTransposed(of(a), of(b));
    }),
  );
}

/** A result a pair of outputs, put together. */
const eachPair = (
  a: AffineBlock | TableBlock,
  b: AffineBlock | TableBlock,
  multiply: (outputOfA: number, outputOfB: number) => tf.Tensor2D,
): tf.Tensor2D =>
  tf.concat(
    a.slopes.map((_, c) =>
      tf.concat(
        b.slopes.map((_, d) => multiply(c, d)),
        1,
      ),
    ),
  );

/** `Σ (x_t · x_u)(δ_t · δ_u)` over the places t of one text and u of another: the inner product of `Xᵀ D`, which is not formed. */
const ghostProduct = (a: AffineBlock, b: AffineBlock, c: number, d: number, shared: SharedProducts): tf.Tensor2D => {
  const inputs = shared.inputs(a.x, b.x);
  return tf.tidy(() => sumTexts(inputs.mul(timesTransposed(a.slopes[c]!, b.slopes[d]!)), a.lengths, b.lengths));
};

/** Rows of a table that both texts read. */
const tableProduct = (a: TableBlock, b: TableBlock, slopeA: tf.Tensor, slopeB: tf.Tensor): tf.Tensor2D =>
  tf.tidy(() => {
    const same = tf.equal(
      tf.tensor2d(a.ids, [a.ids.length, 1], 'int32'),
      tf.tensor2d(b.ids, [1, b.ids.length], 'int32'),
    );
    const products = timesTransposed(slopeA as tf.Tensor2D, slopeB as tf.Tensor2D);
    return sumTexts(products.mul(same.toFloat()), a.lengths, b.lengths);
  });

const sumTexts = (products: tf.Tensor, rows: readonly number[], columns: readonly number[]): tf.Tensor2D =>
  timesTransposed(tf.matMul(ownersOf(rows), products as tf.Tensor2D), ownersOf(columns));

/**
 * With the gradients formed: those of all texts and outputs with respect to a few rows of the weight, then to the next rows. Each is formed once for all
 * kinds. By kind, a part `[outputs · rows, outputs · columns]` for each group of rows.
 */
function multiplyFormed(
  a: AffineBlock,
  b: AffineBlock,
  kinds: readonly KernelKind[],
  threshold: number,
): tf.Tensor2D[][] {
  const [inputs, outputs] = [a.x.shape[1], a.slopes[0]!.shape[1]];
  const gradients = a.slopes.length * Math.max(a.lengths.length, b.lengths.length);
  const width = Math.max(1, Math.floor(formedAtOnce / (gradients * outputs)));
  const sides = [a, b].map(formGradients);
  const parts = Array.from({ length: Math.ceil(inputs / width) }, (_, part) =>
    tf.tidy(() => {
      const [rows, columns] = sides.map((form) => {
        const plain = form(part * width, Math.min(width, inputs - part * width));
        let signs: tf.Tensor2D | undefined;
        return (sign: boolean) => (sign ? (signs ??= signOf(plain, threshold) as tf.Tensor2D) : plain);
      });
      return kinds.map((kind) => timesTransposed(rows!(signsOf[kind].rows), columns!(signsOf[kind].columns)));
    }),
  );
  return kinds.map((_, kind) => parts.map((products) => products[kind]!));
}
