import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { TableModule } from '../architecture/encoder.js';
import { applyNorm } from '../model/apply-norm.js';
import { applyLinear, matMulTokens, shareOut } from '../model/apply-linear.js';
import { overBatch } from '../kernels/over-batch.js';
import { dropOut } from '../model/pass.js';
import type { EncoderPass } from './encoder-pass.js';
import { sparseRows } from '../kernels/sparse-rows.js';

/**
 * Embeddings `[batch, virtual + tokens, hidden]`: rows of prompts, then words; plus token types (0 for virtual tokens) and positions by the
 * family's rule; LayerNorm; dropout; where tables are narrower than states, the map to the hidden size. Errors: `TEXT_TOO_LONG`.
 */
export function embedTokens({ inputIds, tokenTypeIds }: HostInputs, pass: EncoderPass): tf.Tensor {
  const { interventions, config, encoder } = pass;
  const { path, norm, positions, words: wordTable, tokenTypes, projection } = encoder.embeddings;
  const [batch, tokens] = inputIds.shape;
  const prompts = interventions.tokenPrefixes.map(({ embeddings }) => overBatch(embeddings, 2, batch));
  const virtual = prompts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const { positionOffset: offset } = interventions;
  requirePositions(offset, virtual, tokens, encoder.usablePositions);
  const words = lookUp(inputIds, wordTable.path, pass);
  const rows = prompts.length > 0 ? tf.concat([...prompts, words], 1) : words;
  const typed = tokenTypes
    ? rows.add(lookUp(typesOf(tokenTypeIds, virtual, tokens, tokenTypes), tokenTypes.path, pass))
    : rows;
  const ids = positions && encoder.family.positions.ids({ inputIds, virtual, offset, padTokenId: config.padTokenId });
  const placed = ids ? typed.add(lookUp(ids, positions.path, pass)) : typed;
  const normed = applyNorm(placed, norm, pass);
  const dropped = dropOut(normed, config.hiddenDropout, path, pass);
  if (!projection) return dropped;
  const attentionMask = maskWithPrompts(pass.attentionMask, virtual);
  return applyLinear(dropped, projection.path, { ...pass, attentionMask });
}

/** The mask `[batch, virtual + tokens]`: virtual tokens are always attended to. */
export const maskWithPrompts = (attentionMask: tf.Tensor2D, virtual: number): tf.Tensor2D =>
  virtual > 0 ? before(attentionMask, virtual, 1) : attentionMask;

/** `[batch, tokens]` with so many columns of one value before it. */
const before = (x: tf.Tensor2D, columns: number, value: number): tf.Tensor2D =>
  x.pad(
    [
      [0, 0],
      [columns, 0],
    ],
    value,
  );

/** Token types `[1 or batch, virtual + tokens]`, 0 for virtual tokens. A table of one row has one type for all, whatever the ids say. */
function typesOf(
  tokenTypeIds: tf.Tensor2D | undefined,
  virtual: number,
  tokens: number,
  { rows }: TableModule,
): tf.Tensor2D {
  if (!tokenTypeIds || rows === 1) return tf.zeros([1, virtual + tokens], 'int32');
  return before(tokenTypeIds, virtual, 0);
}

/** Rows of a table with what acts on it, ids `[1 or batch, tokens]` to `[1 or batch, tokens, size]`. */
export function lookUp(ids: tf.Tensor, path: string, pass: EncoderPass): tf.Tensor {
  const { weights, interventions } = pass;
  const { at } = interventions;
  const rowsOf = (table: tf.Tensor) => tf.gather(table, ids as tf.Tensor2D);
  const table = weights.tensor(`${path}.weight`);
  let rows = at('weightDelta', path).reduce<tf.Tensor>(
    (sum, { delta, shares }) => sum.add(shares ? shareOut(rowsOf(delta), shares, pass) : rowsOf(delta)),
    rowsOf(table),
  );
  for (const { shares, ...entries } of at('sparseWeightDelta', path)) {
    const delta = sparseRows(ids, entries, table.shape as [number, number]);
    rows = rows.add(shares ? shareOut(delta, shares, pass) : delta);
  }
  for (const { down, middle, up, scale } of at('lowRankDelta', path)) {
    const narrow = rowsOf(down);
    rows = rows.add(
      matMulTokens(middle ? narrow.mul(middle.rank === 2 ? middle.expandDims(1) : middle) : narrow, up).mul(scale),
    );
  }
  for (const { scale } of at('weightScale', path)) {
    const perRow = scale.rank === 2 && scale.shape[0] === table.shape[0];
    rows = rows.mul(perRow ? rowsOf(scale) : scale);
  }
  return rows;
}

function requirePositions(offset: number, virtual: number, tokens: number, available: number): void {
  if (offset + virtual + tokens <= available) return;
  const parts = [
    `${tokens} tokens`,
    ...(virtual > 0 ? [`${virtual} virtual tokens`] : []),
    ...(offset > 0 ? [`position ids shifted by ${offset}`] : []),
  ];
  throw new PeftError('TEXT_TOO_LONG', {
    found: `a batch with ${parts.join(' and ')}`,
    expected: `at most ${available - offset - virtual} tokens on this host (${available} positions)`,
    fix: 'truncate the texts when encoding them, or shorten the prefix',
  });
}
