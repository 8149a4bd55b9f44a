import { valuesByPattern } from '@tfjs-peft/peft-core/files';
import type * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming, zeros } from '../initial-laws.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(8),
  rank_pattern: z.record(z.string(), z.int().min(1)).default({}),
  delora_lambda: z.number().default(15),
  lambda_pattern: z.record(z.string(), z.number()).default({}),
  module_dropout: rateEntry,
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function rankOf({ r, rank_pattern: ranks }: Config, { name }: TargetModule, modules: readonly TargetModule[]): number {
  const names = modules.map((module) => module.name);
  return valuesByPattern('rank_pattern', ranks, r, names)[names.indexOf(name)]!;
}

/** Lengths along an axis, no shorter than HF peft takes them: the bound comes before the root, whose slope at zero has no end. */
const lengths = (matrix: tf.Tensor, axis: number) => matrix.square().sum(axis).maximum(1e-8).sqrt();

/**
 * DeLoRA (Bini et al. 2025, arXiv 2503.18225, equation 6): `ΔW = λ / r · B · diag(1 / (‖a_i‖‖b_i‖)) · A · diag(norms)` with the norms of the
 * frozen weight's columns, which files hold. They are not known before a host's weights are, so that it is read and goes on, but does not start
 * from nothing here.
 */
export const delora = makeWeightMethod({
  type: 'DELORA',
  entries,
  patterns: ['rank_pattern', 'lambda_pattern'],
  kinds: ['lowRankDelta'],
  parameters(config, module, modules) {
    const rank = rankOf(config, module, modules);
    const names = modules.map(({ name }) => name);
    const bounds = valuesByPattern('lambda_pattern', config.lambda_pattern, config.delora_lambda, names);
    return [
      { name: 'delora_A', shape: [rank, module.inputs], initial: kaiming(module.inputs) },
      { name: 'delora_B', shape: [module.outputs, rank], initial: config.init_weights ? zeros : kaiming(rank) },
      {
        name: 'delora_lambda',
        shape: [1],
        initial: { kind: 'constant', value: bounds[names.indexOf(module.name)]! },
      },
      { name: 'delora_w_norm', shape: [module.inputs], initial: { kind: 'unprepared' }, trainable: false },
    ];
  },
  intervene(config, module, find, shared, modules) {
    const [a, b] = [find('delora_A'), find('delora_B')];
    const rank = rankOf(config, module, modules);
    return [
      {
        kind: 'lowRankDelta',
        path: module.path,
        down: a.mul(find('delora_w_norm')).transpose(),
        middle: find('delora_lambda').div(lengths(a, 1).mul(lengths(b, 0)).mul(rank)),
        up: b.transpose(),
        scale: 1,
      },
    ];
  },
});
