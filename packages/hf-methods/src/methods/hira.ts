import { timesMatrix } from '@tfjs-peft/peft-core/authoring';
import { valuesByPattern } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { dropInputs } from '../drop-inputs.js';
import { kaiming, normal, zeros } from '../initial-laws.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(32),
  rank_pattern: z.record(z.string(), z.int().min(1)).default({}),
  hira_dropout: rateEntry,
  init_weights: z.union([z.boolean(), z.literal('gaussian')]).default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function rankOf({ r, rank_pattern: ranks }: Config, { name }: TargetModule, modules: readonly TargetModule[]): number {
  const names = modules.map((module) => module.name);
  return valuesByPattern('rank_pattern', ranks, r, names)[names.indexOf(name)]!;
}

/** HiRA (Huang et al. 2025, ICLR, equation 3): the product of two thin matrices multiplies the frozen weight, `ΔW = W ⊙ (B · A)`. */
export const hira = makeWeightMethod({
  type: 'HIRA',
  entries,
  patterns: ['rank_pattern'],
  // Inputs are dropped in training alone: what is merged is the change of the weight.
  kinds: ({ hira_dropout: rate }) => (rate > 0 ? ['weightFunction', 'dynamicWeightDelta'] : ['weightFunction']),
  inputFirst: true,
  parameters(config, module, modules) {
    const rank = rankOf(config, module, modules);
    const { init_weights: start } = config;
    const random = start === 'gaussian' ? normal(1 / rank) : start ? kaiming(module.inputs) : normal(1);
    return [
      { name: 'hira_A', shape: [rank, module.inputs], initial: random },
      { name: 'hira_B', shape: [module.outputs, rank], initial: start === false ? normal(1) : zeros },
    ];
  },
  intervene({ hira_dropout: rate, name }, { path }, find, _shared, _modules, context) {
    const product = tf.matMul(find('hira_A'), find('hira_B'), true, true);
    const drop = dropInputs(rate, path, name, context);
    if (drop)
      return [
        {
          kind: 'dynamicWeightDelta',
          path,
          apply: (x, frozen) => timesMatrix(drop(x), frozen.mul(product)),
        },
      ];
    return [{ kind: 'weightFunction', path, weight: (frozen) => frozen.mul(product) }];
  },
});
