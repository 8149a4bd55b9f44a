import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming, zeros } from '../initial-laws.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import { requireSize } from '../requirements.js';
import { makeWeightMethod } from '../weight-method.js';
import type { StoredParameter } from '../weight-parameters.js';

const shapeEntries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(64),
};

/** `W ← W(I + B) + B` in blocks `[r, r]` of a weight `[inputs, outputs]`, B `[outputs / r, r, r]` one for each block of outputs; without W. */
function blockAffine(frozen: tf.Tensor, blocks: tf.Tensor): tf.Tensor {
  const [groups = 1, r = 1] = blocks.shape;
  const [inputs = 1, outputs = 1] = frozen.shape;
  const tiles = frozen.reshape([inputs / r, r, groups, r]).transpose([2, 0, 3, 1]);
  const products = tf.matMul(tiles.reshape([groups, inputs, r]), blocks).reshape([groups, inputs / r, r, r]);
  return products.add(blocks.expandDims(1)).transpose([1, 3, 0, 2]).reshape([inputs, outputs]);
}

/** One shard `[r, outputs]` for all groups of r inputs, the last group cut off: `[inputs, outputs]`. */
const repeated = (shard: tf.Tensor, inputs: number): tf.Tensor => {
  const [r = 1, outputs = 1] = shard.shape;
  return shard.tile([Math.ceil(inputs / r), 1]).slice([0, 0], [inputs, outputs]);
};

/** MiSS and its earlier form Bone, which HF peft stored under other names. */
const missMethod = (type: string, tensor: string, entries: z.ZodRawShape) =>
  makeWeightMethod({
    type,
    entries: {
      ...shapeEntries,
      ...entries,
      init_weights: z.union([z.boolean(), z.enum(['bat', 'mini'])]).default(true),
    },
    kinds: ['weightDelta', 'weightFunction', 'lowRankDelta'],
    parameters(config, module): StoredParameter[] {
      const { r, init_weights: variant } = config;
      const { inputs, outputs } = module;
      requireSize(r <= inputs, module, `"r": ${r}`, 'at most the number of inputs');
      if (variant === 'bat') {
        requireSize(inputs % r === 0 && outputs % r === 0, module, `"r": ${r} of blocks ("bat")`, 'a divisor of both');
        return [{ name: tensor, shape: [outputs / r, r, r], initial: zeros }];
      }
      const columns = variant === 'mini' ? miniOf(config) : outputs;
      requireSize(outputs % columns === 0, module, `"mini_r": ${columns}`, 'a divisor of the number of outputs');
      const initial = variant === false ? kaiming(columns) : zeros;
      const mixesOutputs = dropoutOf(config) === 0 && { perExample: 'outputs' as const };
      return [{ name: tensor, shape: [r, columns], initial, ...mixesOutputs }];
    },
    intervene(config, { path, inputs, outputs }, find) {
      const stored = find(tensor);
      if (config.init_weights === 'bat')
        return [{ kind: 'weightFunction', path, weight: (frozen) => blockAffine(frozen, stored) }];
      const shard = stored.tile([1, outputs / stored.shape[1]!]);
      const dropout = dropoutOf(config);
      if (dropout === 0) return [{ kind: 'weightDelta', path, delta: repeated(shard, inputs) }];
      return [{ kind: 'lowRankDelta', path, down: repeated(tf.eye(config.r), inputs), up: shard, scale: 1, dropout }];
    },
  });

const numberIn = (config: object, key: string, usual: number): number => {
  const value: unknown = (config as Record<string, unknown>)[key];
  return typeof value === 'number' ? value : usual;
};
const miniOf = (config: object) => numberIn(config, 'mini_r', 1);
/** Of the inputs. The form `bat` has none, in HF peft neither. */
const dropoutOf = (config: object) => numberIn(config, 'miss_dropout', 0);

/**
 * MiSS (Kang and Yin 2024, arXiv 2409.15371, section 3): one shard `[r, outputs]` is added to every group of r inputs of a weight. `bat`: the blocks
 * are also multiplied by the weight's own; `mini`: the shard repeats along the outputs.
 */
export const miss = missMethod('MISS', 'miss_block', {
  miss_dropout: rateEntry,
  mini_r: z.int().min(1).default(1),
});

/** Bone, the first form of MiSS, in the files of HF peft 0.14 to 0.17. */
export const bone = missMethod('BONE', 'bone_block', {});
