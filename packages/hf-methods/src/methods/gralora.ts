import { timesMatrix } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { dropInputs } from '../drop-inputs.js';
import { kaiming, zeros } from '../initial-laws.js';
import { layerEntries, rateEntry, targetEntries } from '../module-entries.js';
import { requireSize } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...layerEntries,
  r: z.int().min(1).default(32),
  /** Rank of an ordinary LoRA beside the blocks; none if 0. */
  hybrid_r: z.int().min(0).default(0),
  alpha: z.number().default(64),
  gralora_dropout: rateEntry,
  /** Blocks along each side of a weight. */
  gralora_k: z.int().min(1).default(2),
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function requireBlocks({ r, gralora_k: k }: Config, module: TargetModule): void {
  const fits = r % k === 0 && module.inputs % k === 0 && module.outputs % k === 0;
  requireSize(
    fits,
    module,
    `gralora_k ${k} with rank ${r}`,
    'a number that divides the rank, the inputs and the outputs',
  );
}

/**
 * GraLoRA (Jung et al. 2025, arXiv 2505.20355, section 3.2): a weight is k × k blocks, each with low-rank factors of its own, `r / k` wide. The block from
 * inputs n to outputs m is `A[n, :, m] · B[m, n, :]`, in all times `alpha / (r + hybrid_r)`.
 */
export const gralora = makeWeightMethod({
  type: 'GRALORA',
  entries,
  kinds: ['weightDelta', 'activationDelta'],
  inputFirst: true,
  parameters(config, module) {
    requireBlocks(config, module);
    const { r, hybrid_r: hybrid, gralora_k: k, init_weights: startsAsHost } = config;
    const { inputs, outputs } = module;
    const second = (width: number) => (startsAsHost ? zeros : kaiming(width));
    return [
      { name: 'gralora_A', shape: [k, inputs / k, r], initial: kaiming(inputs / k) },
      { name: 'gralora_B', shape: [k, r, outputs / k], initial: second(r) },
      ...(hybrid === 0
        ? []
        : [
            { name: 'gralora_A_general.weight', shape: [hybrid, inputs], initial: kaiming(inputs) },
            { name: 'gralora_B_general.weight', shape: [outputs, hybrid], initial: second(hybrid) },
          ]),
    ];
  },
  intervene(config, { path, inputs, outputs }, find, _shared, _modules, context) {
    const { r, hybrid_r: hybrid, gralora_k: k, alpha } = config;
    const width = r / k;
    // [inputs' block, outputs' block, inputs or rank, rank or outputs]
    const a = find('gralora_A')
      .reshape([k, inputs / k, k, width])
      .transpose([0, 2, 1, 3]);
    const b = find('gralora_B')
      .reshape([k, k, width, outputs / k])
      .transpose([1, 0, 2, 3]);
    const blocks = tf.matMul(a, b).transpose([0, 2, 1, 3]).reshape([inputs, outputs]);
    const general =
      hybrid > 0 && tf.matMul(find('gralora_A_general.weight'), find('gralora_B_general.weight'), true, true);
    const delta = (general ? blocks.add(general) : blocks).mul(alpha / (r + hybrid));
    const drop = dropInputs(config.gralora_dropout, path, config.name, context);
    return drop
      ? [{ kind: 'activationDelta', path, apply: (x) => timesMatrix(drop(x), delta) }]
      : [{ kind: 'weightDelta', path, delta }];
  },
});
