import { PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { Piece } from './blocks.js';
import { collectGradients, type PlacedText } from './collect.js';
import type { Gram, GramRequest } from './gram-request.js';
import { isSymmetric, type KernelKind, signsOf } from './kernel-kinds.js';
import { multiplyBlocks, shareProducts } from './multiply-blocks.js';
import { projectPiece } from './project-piece.js';
import type { Question } from './question.js';

/** What is computed, and where it is gathered. */
export function gatherProducts(request: GramRequest & { readonly kinds: readonly KernelKind[] }, question: Question) {
  const { rows, columns = rows, kinds, groupOf = () => 'all', signThreshold = 1e-8, projection, signal } = request;
  const outputs = question.contrasts.length;
  const same = request.columns === undefined;
  const width = columns.length * outputs;
  const sums = new Map(kinds.map((kind) => [kind, new Map<string, Float64Array>()]));
  const found = { rows: new Float64Array(rows.length * outputs), columns: new Float64Array(columns.length * outputs) };
  let done = 0;
  let total = 0;
  const signs = kinds.some((kind) => signsOf[kind].rows || signsOf[kind].columns);
  const plain = kinds.some((kind) => !signsOf[kind].rows || !signsOf[kind].columns);

  const sumOf = (kind: KernelKind, group: string): Float64Array => {
    const byGroup = sums.get(kind)!;
    const known = byGroup.get(group) ?? new Float64Array(rows.length * outputs * width);
    byGroup.set(group, known);
    return known;
  };
  /** Adds `[outputs · a, outputs · b]` of two pieces. */
  const scatter = (target: Float64Array, values: Float32Array, a: Piece, b: Piece, transpose: boolean) => {
    const [n, m] = [a.texts.length, b.texts.length];
    for (let c = 0; c < outputs; c++)
      for (let i = 0; i < n; i++)
        for (let d = 0; d < outputs; d++)
          for (let j = 0; j < m; j++) {
            const row = a.texts[i]! * outputs + c;
            const column = b.texts[j]! * outputs + d;
            const value = values[(c * n + i) * outputs * m + d * m + j]!;
            target[transpose ? column * width + row : row * width + column]! += value;
          }
  };
  const add = async (kind: KernelKind, a: Piece, b: Piece, transpose: boolean) => {
    const shared = shareProducts();
    const parts: { readonly group: string; readonly tensor: tf.Tensor }[] = [];
    try {
      for (const [name, block] of a.blocks) {
        const group = block.kind === 'projected' ? name : groupOf(name);
        const tensors = tf.tidy(() => multiplyBlocks(block, b.blocks.get(name)!, kind, signThreshold, shared));
        parts.push(...tensors.map((tensor) => ({ group, tensor })));
      }
      const values = (await Promise.all(parts.map(({ tensor }) => tensor.data()))) as Float32Array[];
      parts.forEach(({ group }, index) => {
        if (!values[index]!.every(Number.isFinite)) throw notFinite(group);
        scatter(sumOf(kind, group), values[index]!, a, b, false);
        if (transpose) scatter(sumOf(kind, group), values[index]!, a, b, true);
      });
    } finally {
      shared.dispose();
      tf.dispose(parts.map(({ tensor }) => tensor));
    }
  };

  return {
    expect: (texts: number) => void (total += texts),
    collect(batch: readonly PlacedText[]): Piece {
      if (signal?.aborted)
        throw new PeftError('KERNEL_ABORTED', { found: `stopped after the gradients of ${done} of ${total} texts` });
      const piece = collectGradients(question, batch);
      done += batch.length;
      request.onProgress?.({ done: Math.min(done, total), total });
      return projection ? projectPiece(piece, { projection, groupOf, plain, signs, threshold: signThreshold }) : piece;
    },
    async readOutputs(of: 'rows' | 'columns', { texts, outputs: tensor }: Piece) {
      const values = await tensor.data();
      texts.forEach((text, i) => found[of].set(values.subarray(i * outputs, (i + 1) * outputs), text * outputs));
    },
    async multiply(a: Piece, b: Piece) {
      for (const kind of kinds) {
        const mirror = same && a !== b;
        await add(kind, a, b, mirror && isSymmetric(kind));
        if (mirror && !isSymmetric(kind)) await add(kind, b, a, false);
      }
    },
    results(symmetric: boolean): Map<KernelKind, Gram> {
      return new Map(
        kinds.map((kind): [KernelKind, Gram] => {
          const groups = sums.get(kind)!;
          if (symmetric && isSymmetric(kind)) groups.forEach((values) => symmetrise(values, width));
          const values = new Float64Array(rows.length * outputs * width);
          for (const part of groups.values()) part.forEach((value, index) => (values[index]! += value));
          const columnOutputs = symmetric ? found.rows : found.columns;
          return [
            kind,
            {
              kind,
              rows: rows.length,
              columns: columns.length,
              outputs,
              values,
              groups,
              rowOutputs: found.rows,
              columnOutputs,
            },
          ];
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
