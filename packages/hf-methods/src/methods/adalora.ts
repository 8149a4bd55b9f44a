import * as z from 'zod';
import { normal, zeros } from '../initial-laws.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  /** HF peft writes it and uses `init_r`. */
  r: z.int().default(8),
  init_r: z.int().min(1).default(12),
  target_r: z.int().default(8),
  lora_alpha: z.number().default(8),
  lora_dropout: rateEntry,
  /** What the training left of each module's ranks: names of the form `<module>.lora_E` with a truth value for each rank. */
  rank_pattern: z.record(z.string(), z.array(z.boolean())).nullable().default(null),
  init_lora_weights: z.boolean().default(true),
  tinit: z.int().default(0),
  tfinal: z.int().default(0),
  deltaT: z.int().default(1),
  beta1: z.number().default(0.85),
  beta2: z.number().default(0.85),
  orth_reg_weight: z.number().default(0.5),
  total_step: z.int().nullable().default(null),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** HF's names of the base model may come before that of the module. */
function rankOf({ init_r: usual, rank_pattern: pattern }: Config, { name }: TargetModule): number {
  const kept = Object.entries(pattern ?? {}).find(([key]) => `${key}.`.startsWith(`${name}.lora_E.`));
  return kept ? kept[1].filter(Boolean).length : usual;
}

/**
 * AdaLoRA (Zhang et al. 2023, arXiv 2303.10512, equation 3): `ΔW = B · diag(E) · A · alpha / init_r`, with as many ranks at each module as the
 * training left there. Here ranks are fixed: what moves them in training is HF peft's own loop.
 */
export const adalora = makeWeightMethod({
  type: 'ADALORA',
  entries,
  kinds: ['lowRankDelta'],
  inputFirst: true,
  parameters(config, module) {
    const rank = rankOf(config, module);
    const [factors, middle] = config.init_lora_weights ? [normal(0.02), zeros] : [normal(1), normal(1)];
    return [
      { name: 'lora_A', shape: [rank, module.inputs], initial: factors },
      { name: 'lora_B', shape: [module.outputs, rank], initial: factors },
      { name: 'lora_E', shape: [rank, 1], initial: middle },
    ];
  },
  intervene(config, module, find) {
    const rank = rankOf(config, module);
    if (rank === 0) return [];
    const alpha = config.lora_alpha > 0 ? config.lora_alpha : rank;
    return [
      {
        kind: 'lowRankDelta',
        path: module.path,
        down: find('lora_A').transpose(),
        middle: find('lora_E').reshape([rank]),
        up: find('lora_B').transpose(),
        scale: alpha / (config.init_r + 1e-5),
        ...(config.lora_dropout > 0 && { dropout: config.lora_dropout }),
      },
    ];
  },
});
