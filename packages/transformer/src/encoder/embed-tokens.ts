import type { HostInputs } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { TableModule } from '../architecture/encoder.js';
import { applyNorm } from '../model/apply-norm.js';
import { applyLinear } from '../model/apply-linear.js';
import { maskWithPrompts } from '../model/host-inputs.js';
import { lookUp } from '../model/look-up.js';
import { overBatch } from '../kernels/over-batch.js';
import { dropOut } from '../model/pass.js';
import type { EncoderPass } from './encoder-pass.js';
import { requirePositions } from '../model/require-positions.js';

/**
 * Embeddings `[batch, virtual + tokens, hidden]`: rows of prompts, then words; plus token types (0 for virtual tokens) and positions by the
 * family's rule; LayerNorm; dropout; where tables are narrower than states, the map to the hidden size. Errors: `TEXT_TOO_LONG`.
 */
export function embedTokens(inputs: HostInputs, pass: EncoderPass): tf.Tensor {
  const { inputIds, tokenTypeIds } = inputs;
  const { interventions, config, encoder } = pass;
  const { path, norm, positions, words: wordTable, tokenTypes, projection } = encoder.embeddings;
  const [batch, tokens] = inputIds.shape;
  const prompts = interventions.tokenPrefixes.map(({ embeddings }) => overBatch(embeddings, 2, batch));
  const virtual = prompts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const { positionOffset: offset } = interventions;
  requirePositions(offset, virtual, inputs, encoder.usablePositions);
  const words = lookUp(inputIds, wordTable.path, pass);
  const rows = prompts.length > 0 ? tf.concat([...prompts, words], 1) : words;
  const typed = tokenTypes
    ? rows.add(lookUp(typesOf(tokenTypeIds, virtual, tokens, tokenTypes), tokenTypes.path, pass))
    : rows;
  const ids = positions && encoder.family.positions.ids({ inputIds, virtual, offset, padTokenId: config.padTokenId });
  const isBeyond = offset + virtual + tokens > encoder.usablePositions;
  const placed = ids ? typed.add(lookUp(isBeyond ? withinTable(ids, positions) : ids, positions.path, pass)) : typed;
  const normed = applyNorm(placed, norm, pass);
  const dropped = dropOut(normed, config.hiddenDropout, path, pass);
  if (!projection) return dropped;
  const attentionMask = maskWithPrompts(pass.attentionMask, virtual + tokens);
  return applyLinear(dropped, projection.path, { ...pass, attentionMask });
}

/** Ids `[1 or batch, tokens]` that the table has: padding may reach beyond the last position, and nobody reads what stands there. */
const withinTable = (ids: tf.Tensor, { rows }: TableModule): tf.Tensor => tf.minimum(ids, tf.scalar(rows - 1, 'int32'));

/** Token types `[1 or batch, virtual + tokens]`, 0 for virtual tokens. A table of one row has one type for all, whatever the ids say. */
function typesOf(
  tokenTypeIds: tf.Tensor2D | undefined,
  virtual: number,
  tokens: number,
  { rows }: TableModule,
): tf.Tensor2D {
  if (!tokenTypeIds || rows === 1) return tf.zeros([1, virtual + tokens], 'int32');
  return tokenTypeIds.pad([
    [0, 0],
    [virtual, 0],
  ]);
}
