import { type HostOutputs, type OutputEmbeddings, PeftError } from '@tfjs-peft/peft-core';
import { type Batch, type Objective, objectiveOfOutputs, parseConfig, textsOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { type PredictedTokens, vocabularyLoss } from './vocabulary-loss.js';

/**
 * For each text how much the prediction of each of its tokens counts, as long as the text; 0 for what is given and not to be learned: a context, the
 * first token, the first token of a further document.
 */
export type TokenWeights = readonly (readonly number[])[];

const nextTokenConfig = z.strictObject({
  /** Share of the target that is spread over the whole vocabulary. */
  labelSmoothing: z.number().min(0).lt(1).default(0),
});

/**
 * Predicting the next token: the weighted mean of its cross entropy over all tokens of the batch that count. Logits of a large vocabulary are
 * never made for all positions at once. Errors: `CONFIG_INVALID`; of the loss `LANGUAGE_MODEL_MISSING` on a host without output embeddings,
 * `COMPLETION_EMPTY` for a batch of which no token counts, `LABEL_INVALID` for weights below 0, or not one for each token of a text.
 */
export function nextToken(config: z.input<typeof nextTokenConfig> = {}): Objective<TokenWeights> {
  const { labelSmoothing } = parseConfig(nextTokenConfig, config, 'next token');
  return objectiveOfOutputs(
    labelSmoothing > 0 ? `next_token(labelSmoothing=${labelSmoothing})` : 'next_token',
    (outputs, batch) => {
      const { tokens, total } = predictedTokens(outputs, batch, labelSmoothing);
      const mean = { ...tokens, weights: tokens.weights.div<tf.Tensor1D>(total) };
      return vocabularyLoss(mean, requireOutputEmbeddings(outputs));
    },
    { weightOf: (targets) => targets.reduce((sum, row) => row.reduce(countOf, sum), 0) },
  );
}

/** Adds what a token counts; nothing stands before the first one. */
const countOf = (sum: number, weight: number, token: number): number => (token > 0 && weight > 0 ? sum + weight : sum);

/** Errors: `LANGUAGE_MODEL_MISSING`; `TOKENS_AHEAD_SEEN` where a method lets tokens see what they are to predict. */
export function requireOutputEmbeddings({ outputEmbeddings, seesAhead }: HostOutputs): OutputEmbeddings {
  if (seesAhead !== undefined)
    throw new PeftError('TOKENS_AHEAD_SEEN', {
      found: `a ${seesAhead} with a gate that is a function of the whole text, where each token is to be predicted from those before it`,
      expected: 'effects that look back only',
      fix: 'leave the gates out (compose instead of unipelt), or learn classes with a head',
    });
  if (outputEmbeddings) return outputEmbeddings;
  throw new PeftError('LANGUAGE_MODEL_MISSING', {
    found: 'a host without output embeddings, which cannot predict the next token',
    expected: 'a causal language model: GPT-2, Llama or one of its relatives, with its output embeddings',
    fix: 'load the whole model (…ForCausalLM, …LMHeadModel)',
  });
}

/** The states before all tokens that count, and these tokens. Errors: `COMPLETION_EMPTY`, `LABEL_INVALID`. */
export function predictedTokens(
  { lastHiddenState }: HostOutputs,
  { inputs, targets }: Batch<TokenWeights>,
  labelSmoothing = 0,
): { readonly tokens: PredictedTokens; readonly total: number; readonly count: number } {
  const [, length, size] = lastHiddenState.shape;
  const [batch, tokens] = inputs.inputIds.shape;
  const virtual = length - tokens;
  const before: number[] = [];
  const at: number[] = [];
  const weights: number[] = [];
  if (targets.length !== batch) throw misfit(`weights for ${targets.length} texts`, `${batch} texts`);
  const known = textsOf(inputs);
  targets.forEach((row, text) => {
    // Of a batch that padBatch did not make, only its padded length is known.
    const own = known?.[text]?.inputIds.length;
    if (own === undefined ? row.length > tokens : row.length !== own)
      throw misfit(`${row.length} weights for a text of ${own ?? tokens} tokens`, 'one a token');
    row.forEach((weight, token) => {
      if (!(weight >= 0)) throw misfit(`weight ${weight} of token ${token}`, 'weights from 0');
      // Nothing stands before the first token.
      if (weight === 0 || token === 0) return;
      before.push(text * length + virtual + token - 1);
      at.push(text * tokens + token);
      weights.push(weight);
    });
  });
  if (weights.length === 0) throw nothingCounts();
  const states = tf.gather(lastHiddenState.reshape([-1, size]), tf.tensor1d(before, 'int32')) as tf.Tensor2D;
  const ids = tf.gather(inputs.inputIds.flatten(), tf.tensor1d(at, 'int32')) as tf.Tensor1D;
  return {
    tokens: { states, ids, weights: tf.tensor1d(weights), labelSmoothing },
    total: weights.reduce((sum, weight) => sum + weight, 0),
    count: weights.length,
  };
}

const misfit = (found: string, expected: string) =>
  new PeftError('LABEL_INVALID', { found, expected, fix: 'make batches with languageTexts' });

const nothingCounts = () =>
  new PeftError('COMPLETION_EMPTY', {
    found: 'texts of which no token is to be predicted',
    expected: 'at least one token after what is given',
    fix: 'leave out texts of one token and examples without a completion',
  });
