import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { applyNorm } from './apply-norm.js';
import { matMulTokens } from './apply-linear.js';
import { normPath, positionTable, tokenTypeTable, wordTable } from './host-layout.js';
import { embeddingsPath } from './list-sites.js';
import { overBatch } from './over-batch.js';
import { dropOut, type Pass } from './pass.js';

/**
 * Embeddings `[batch, virtual + tokens, hidden]`: rows of prompts, then words; plus token types (0 for virtual tokens) and positions from the
 * pass' offset on; LayerNorm; dropout. Errors: `TEXT_TOO_LONG`.
 */
export function embedTokens({ inputIds, tokenTypeIds }: HostInputs, pass: Pass): tf.Tensor {
  const { interventions, config } = pass;
  const [batch, tokens] = inputIds.shape;
  const prompts = interventions.tokenPrefixes.map(({ embeddings }) => overBatch(embeddings, 2, batch));
  const virtual = prompts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const length = virtual + tokens;
  requirePositions(interventions.positionOffset, virtual, tokens, config.maxPositionEmbeddings);
  const words = lookUp(inputIds, wordTable, pass);
  const rows = prompts.length > 0 ? tf.concat([...prompts, words], 1) : words;
  const types = tokenTypeIds
    ? tokenTypeIds.pad([
        [0, 0],
        [virtual, 0],
      ])
    : tf.zeros([1, length], 'int32');
  const { positionOffset } = interventions;
  const positions = tf.range(positionOffset, positionOffset + length, 1, 'int32').expandDims(0);
  const sum = rows.add(lookUp(types, tokenTypeTable, pass)).add(lookUp(positions, positionTable, pass));
  const normed = applyNorm(sum, normPath(embeddingsPath), pass);
  return dropOut(normed, config.hiddenDropout, embeddingsPath, pass);
}

/** Rows of an embedding table with what acts on it, ids `[batch, tokens]` to `[batch, tokens, hidden]`. */
function lookUp(ids: tf.Tensor, path: string, { weights, interventions }: Pass): tf.Tensor {
  const { at } = interventions;
  const rowsOf = (table: tf.Tensor) => tf.gather(table, ids as tf.Tensor2D);
  const table = weights.tensor(`${path}.weight`);
  let rows = at('weightDelta', path).reduce<tf.Tensor>((sum, { delta }) => sum.add(rowsOf(delta)), rowsOf(table));
  for (const { down, up, scale } of at('lowRankDelta', path))
    rows = rows.add(matMulTokens(rowsOf(down), up).mul(scale));
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
