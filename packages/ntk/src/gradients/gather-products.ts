import { PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { Piece } from './blocks.js';
import { collectGradients } from './collect.js';
import type { Gram, GramRequest } from './gram-request.js';
import { isSymmetric, type KernelKind, signsOf } from './kernel-kinds.js';
import { multiplyBlocks, shareProducts } from './multiply-blocks.js';
import type { RowGroup, TextBatch } from './plan-blocks.js';
import { createProjector } from './project-piece.js';
import type { Question } from './question.js';

/** Rows of a group beside one batch of columns. */
export interface KernelBlock extends Pick<RowGroup, 'rows'> {
  readonly columns: TextBatch;
}

/** What is computed, and where it is gathered. */
export function gatherProducts(request: GramRequest & { readonly kinds: readonly KernelKind[] }, question: Question) {
  const { rows, columns = rows, kinds, groupOf = () => 'all', signThreshold = 1e-8, projection } = request;
  const outputs = question.contrasts.length;
  const same = request.columns === undefined;
  const width = columns.length * outputs;
  const names = [...question.axis, ...question.loop, ...question.tensors.map(({ path }) => path)];
  const groups = [...new Set(names.map((name) => groupOf(name)))];
  const newSums = () => new Map(groups.map((group) => [group, new Float64Array(rows.length * outputs * width)]));
  const sums = new Map(kinds.map((kind) => [kind, newSums()]));
  const found = { rows: new Float64Array(rows.length * outputs), columns: new Float64Array(columns.length * outputs) };
  const signs = kinds.some((kind) => signsOf[kind].rows || signsOf[kind].columns);
  const plain = kinds.some((kind) => !signsOf[kind].rows || !signsOf[kind].columns);
  const projector = projection && createProjector({ projection, groupOf, plain, signs, threshold: signThreshold });

  /** `[groups, outputs · a, outputs · b]` of two pieces, of each kind. */
  const multiply = async (
    asked: readonly KernelKind[],
    a: Piece,
    b: Piece,
  ): Promise<ReadonlyMap<KernelKind, Float64Array>> => {
    const size = a.texts.length * outputs * b.texts.length * outputs;
    const products = new Map(asked.map((kind) => [kind, new Float64Array(groups.length * size)]));
    const shared = shareProducts();
    const parts: { readonly kind: KernelKind; readonly group: string; readonly tensor: tf.Tensor }[] = [];
    try {
      for (const [name, block] of a.blocks) {
        const group = block.kind === 'projected' ? name : groupOf(name);
        const ofKinds = tf.tidy(() => multiplyBlocks(block, b.blocks.get(name)!, asked, signThreshold, shared));
        ofKinds.forEach((tensors, i) => parts.push(...tensors.map((tensor) => ({ kind: asked[i]!, group, tensor }))));
      }
      const values = (await Promise.all(parts.map(({ tensor }) => tensor.data()))) as Float32Array[];
      parts.forEach(({ kind, group }, index) => {
        if (!values[index]!.every(Number.isFinite)) throw notFinite(group);
        const start = groups.indexOf(group) * size;
        const sum = products.get(kind)!;
        values[index]!.forEach((value, i) => (sum[start + i]! += value));
      });
      return products;
    } finally {
      shared.dispose();
      tf.dispose(parts.map(({ tensor }) => tensor));
    }
  };

  /** The products of a pair of batches, in the order in which they are stored; those of texts with others of one list are asked for both ways. */
  const productsOf = (a: TextBatch, b: TextBatch) =>
    kinds.flatMap((kind) => {
      const mirrored = same && a !== b;
      const forth = { kind, from: a, to: b, alsoTransposed: mirrored && isSymmetric(kind) };
      return mirrored && !isSymmetric(kind) ? [forth, { ...forth, from: b, to: a }] : [forth];
    });

  const scatter = (
    products: Float64Array,
    { kind, from, to, alsoTransposed }: ReturnType<typeof productsOf>[number],
  ) => {
    let next = 0;
    for (const group of groups) {
      const target = sums.get(kind)!.get(group)!;
      for (let c = 0; c < outputs; c++)
        for (const a of from)
          for (let d = 0; d < outputs; d++)
            for (const b of to) {
              const row = a.place * outputs + c;
              const column = b.place * outputs + d;
              const value = products[next++]!;
              target[row * width + column] = value;
              if (alsoTransposed) target[column * width + row] = value;
            }
    }
  };

  const scatterOutputs = (values: Float64Array, of: 'rows' | 'columns', batch: TextBatch) =>
    batch.forEach(({ place }, i) => found[of].set(values.subarray(i * outputs, (i + 1) * outputs), place * outputs));

  return {
    collect(batch: TextBatch): Piece {
      const piece = collectGradients(question, batch);
      return projector ? projector.project(piece) : piece;
    },
    /** All numbers of a block: products, then outputs. */
    async compute(block: KernelBlock, pieceOf: (batch: TextBatch) => Piece): Promise<Float64Array> {
      const parts: (Float32Array | Float64Array)[] = [];
      for (const batch of block.rows) {
        const products = productsOf(batch, block.columns);
        const ofSide = async (side: TextBatch, other: TextBatch) => {
          const asked = products.filter(({ from }) => from === side).map(({ kind }) => kind);
          return asked.length > 0 ? multiply(asked, pieceOf(side), pieceOf(other)) : undefined;
        };
        const forth = await ofSide(batch, block.columns);
        const back = batch === block.columns ? forth : await ofSide(block.columns, batch);
        for (const { kind, from } of products) parts.push((from === batch ? forth : back)!.get(kind)!);
      }
      for (const batch of [...block.rows, block.columns])
        parts.push((await pieceOf(batch).outputs.data()) as Float32Array);
      const numbers = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
      let start = 0;
      for (const part of parts) {
        numbers.set(part, start);
        start += part.length;
      }
      return numbers;
    },
    /** How many numbers a block has. */
    lengthOf: ({ rows: batches, columns: others }: KernelBlock): number =>
      batches.reduce((sum, batch) => {
        const pairs = productsOf(batch, others).length;
        return sum + pairs * groups.length * batch.length * others.length * outputs ** 2 + batch.length * outputs;
      }, others.length * outputs),
    /** Puts the numbers of a block in their places. */
    place(block: KernelBlock, numbers: Float64Array): void {
      let start = 0;
      const take = (length: number) => numbers.subarray(start, (start += length));
      for (const batch of block.rows)
        for (const product of productsOf(batch, block.columns))
          scatter(take(groups.length * batch.length * block.columns.length * outputs ** 2), product);
      for (const batch of block.rows) scatterOutputs(take(batch.length * outputs), 'rows', batch);
      scatterOutputs(take(block.columns.length * outputs), same ? 'rows' : 'columns', block.columns);
    },
    dispose: () => projector?.dispose(),
    results(): Map<KernelKind, Gram> {
      return new Map(
        kinds.map((kind): [KernelKind, Gram] => {
          const own = sums.get(kind)!;
          if (same && isSymmetric(kind)) own.forEach((values) => symmetrise(values, width));
          const values = new Float64Array(rows.length * outputs * width);
          for (const part of own.values()) part.forEach((value, index) => (values[index]! += value));
          const columnOutputs = same ? found.rows : found.columns;
          const size = { rows: rows.length, columns: columns.length, outputs };
          return [kind, { kind, ...size, values, groups: own, rowOutputs: found.rows, columnOutputs }];
        }),
      );
    },
  };
}

/** Half of what rounding made of two equal numbers. */
function symmetrise(values: Float64Array, width: number): void {
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++) {
      const mean = (values[i * width + j]! + values[j * width + i]!) / 2;
      values[i * width + j] = mean;
      values[j * width + i] = mean;
    }
}

const notFinite = (group: string) =>
  new PeftError('KERNEL_NOT_FINITE', {
    found: `products of gradients of "${group}" that are NaN or infinite`,
    expected: 'finite numbers',
    fix: 'look at the weights of the model and of the method',
  });
