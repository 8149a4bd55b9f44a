import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { drawn, normal, uniform } from '../initial-laws.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import { requireSize, unsupportedEntry } from '../requirements.js';
import { makeWeightMethod, type Find } from '../weight-method.js';
import type { StoredParameter } from '../weight-parameters.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(4),
  num_vectors: z.int().min(1).default(256),
  vector_length: z.int().min(1).default(256),
  topk: z.int().min(1).default(2),
  /** The file holds the chosen vectors and their weights instead of all logits. */
  save_only_topk_weights: z.boolean().default(false),
  vblora_dropout: rateEntry,
  init_vector_bank_bound: z.number().default(0.02),
  init_logits_std: z.number().default(0.1),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** Factors from the bank: `[rows, columns, vector_length]`, for each place the mean of its best vectors by the softmax of their logits. */
function fromBank(config: Config, find: Find, name: string, bank: tf.Tensor): tf.Tensor {
  const { chosen, weights } = config.save_only_topk_weights
    ? storedChoice(config, find, name)
    : bestOf(find(name), config.topk);
  const mixed = chosen.mul(weights.expandDims(-1)).sum(2);
  const [rows = 1, columns = 1] = mixed.shape;
  return tf.matMul(mixed.reshape([-1, config.num_vectors]), bank).reshape([rows, columns, config.vector_length]);
}

interface Choice {
  /** 1 at the chosen vectors, `[rows, columns, topk, vectors]`. */
  readonly chosen: tf.Tensor;
  /** `[rows, columns, topk]`, with sum 1. */
  readonly weights: tf.Tensor;
}

/** The best vectors by their logits `[rows, columns, vectors]`. Which ones counts as a constant; their weights have gradients. */
function bestOf(logits: tf.Tensor, topk: number): Choice {
  const choose = tf.customGrad((values) => {
    const { indices } = tf.topk(values as tf.Tensor, topk);
    return {
      value: tf.oneHot(indices as tf.Tensor<tf.Rank>, logits.shape.at(-1)!).toFloat(),
      gradFunc: () => tf.zeros(logits.shape),
    };
  });
  const chosen = choose(logits);
  return { chosen, weights: tf.softmax(chosen.mul(logits.expandDims(2)).sum(-1)) };
}

/** Of each place's weights the file leaves the last one out: they sum to one. */
function storedChoice({ num_vectors: count }: Config, find: Find, name: string): Choice {
  const weights = find(`${name}_topk_weights`);
  const last = tf.scalar(1).sub(weights.sum(-1, true));
  const indices = find(`${name}_topk_indices`).toInt() as tf.Tensor<tf.Rank>;
  return { chosen: tf.oneHot(indices, count), weights: tf.concat([weights, last], -1) };
}

/** As HF peft does: what the logits were is lost, so that nothing could choose other vectors. Errors: always `CONFIG_KEY_UNSUPPORTED`. */
function refuseTraining(): never {
  throw unsupportedEntry(
    'the training of an adapter with "save_only_topk_weights": true, which has no logits',
    'all logits',
    'set it to false, and train from the start or from a file that has them',
  );
}

function stored(config: Config, name: string, rows: number, columns: number): StoredParameter[] {
  if (!config.save_only_topk_weights)
    return [{ name, shape: [rows, columns, config.num_vectors], initial: normal(config.init_logits_std) }];
  const choice = { initial: drawn(refuseTraining), trainable: false };
  return [
    { name: `${name}_topk_indices`, shape: [rows, columns, config.topk], below: config.num_vectors, ...choice },
    { name: `${name}_topk_weights`, shape: [rows, columns, config.topk - 1], ...choice },
  ];
}

/**
 * VB-LoRA (Li et al. 2024, arXiv 2405.15179, section 3.2): the factors of LoRA are put together from one bank of vectors, of which each piece
 * takes the weighted mean of the best `topk`.
 */
export const vblora = makeWeightMethod({
  type: 'VBLORA',
  entries,
  kinds: ['lowRankDelta'],
  inputFirst: true,
  check(config) {
    if (config.topk > config.num_vectors)
      throw unsupportedEntry(
        `"topk": ${config.topk} of "num_vectors": ${config.num_vectors}`,
        'a topk of at most the number of vectors',
        'choose a smaller topk or a larger bank',
      );
    if (config.save_only_topk_weights && (config.topk === 1 || config.num_vectors >= 2 ** 15))
      throw unsupportedEntry(
        `"save_only_topk_weights": true with ${config.num_vectors} vectors and topk ${config.topk}`,
        'fewer than 32768 vectors and a topk of 2 or more',
        'save it in HF peft without save_only_topk_weights',
      );
  },
  parameters(config, module) {
    const { r, vector_length: length } = config;
    const fits = module.inputs % length === 0 && module.outputs % length === 0;
    requireSize(fits, module, `"vector_length": ${length}`, 'a length that divides both');
    return [
      ...stored(config, 'vblora_logits_A', r, module.inputs / length),
      ...stored(config, 'vblora_logits_B', module.outputs / length, r),
    ];
  },
  shared: ({ num_vectors: count, vector_length: length, init_vector_bank_bound: bound }) => [
    { name: 'vblora_vector_bank', shape: [count, length], initial: uniform(bound) },
  ],
  intervene(config, { path, inputs, outputs }, find, shared, _modules, { mode }) {
    if (config.save_only_topk_weights && mode === 'train') refuseTraining();
    const bank = shared('vblora_vector_bank');
    const a = fromBank(config, find, 'vblora_logits_A', bank).reshape([config.r, inputs]);
    const b = fromBank(config, find, 'vblora_logits_B', bank).transpose([0, 2, 1]).reshape([outputs, config.r]);
    const { vblora_dropout: dropout } = config;
    return [
      {
        kind: 'lowRankDelta',
        path,
        down: a.transpose(),
        up: b.transpose(),
        scale: 1,
        ...(dropout > 0 && { dropout }),
      },
    ];
  },
});
