import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, ones, zeros } from '../initial-laws.js';
import { targetEntries } from '../module-entries.js';
import { requireSize } from '../requirements.js';
import { type Find, makeWeightMethod } from '../weight-method.js';

const numbersPerOutput = { road_1: 0.5, road_2: 1, road_4: 2 } as const;
const entries = {
  ...targetEntries,
  variant: z.enum(['road_1', 'road_2', 'road_4']).default('road_1'),
  /** Outputs that are paired with one another, the first half with the second. */
  group_size: z.int().min(2).multipleOf(2).default(64),
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** What each output and its partner count, `[outputs]` each: `alpha · cos theta` and `alpha · sin theta`. */
function columnsOf({ variant, group_size: group }: Config, find: Find): readonly [tf.Tensor, tf.Tensor] {
  const [theta, alpha] = [find('road_theta'), find('road_alpha')];
  if (variant === 'road_4') {
    const half = (tensor: tf.Tensor, place: number) =>
      tensor.reshape([-1, 2, group]).slice([0, place, 0], [-1, 1, -1]).reshape([-1]);
    return [half(alpha, 0).mul(half(theta, 0).cos()), half(alpha, 1).mul(half(theta, 1).sin())];
  }
  const spread = (tensor: tf.Tensor) =>
    variant === 'road_2'
      ? tensor
      : tensor
          .reshape([-1, 1, group / 2])
          .tile([1, 2, 1])
          .reshape([-1]);
  return [spread(alpha.mul(theta.cos())), spread(alpha.mul(theta.sin()))];
}

/** Numbers with outputs on the last axis, each pair rotated and scaled. */
function rotatePairs(values: tf.Tensor, group: number, [own, partner]: readonly [tf.Tensor, tf.Tensor]): tf.Tensor {
  const [first, second] = tf.split(values.reshape([-1, 2, group / 2]), 2, 1) as [tf.Tensor, tf.Tensor];
  const turned = tf.concat([second.neg(), first], 1).reshape(values.shape);
  return values.mul(own).add(turned.mul(partner));
}

/** RoAd (Liao and Monz 2024, arXiv 2409.00119, equation 4): outputs are rotated and scaled in pairs, the bias with them. */
export const road = makeWeightMethod({
  type: 'ROAD',
  entries,
  kinds: ['weightFunction'],
  parameters({ variant, group_size: group, init_weights: start }, module) {
    requireSize(module.outputs % group === 0, module, `"group_size": ${group}`, 'a divisor of the number of outputs');
    const shape = [module.outputs * numbersPerOutput[variant]];
    return [
      { name: 'road_theta', shape, initial: start ? zeros : normal(0.5) },
      { name: 'road_alpha', shape, initial: start ? ones : normal(0.5, 1) },
    ];
  },
  intervene(config, { path }, find) {
    const columns = columnsOf(config, find);
    const change = (frozen: tf.Tensor) => rotatePairs(frozen, config.group_size, columns).sub(frozen);
    return [{ kind: 'weightFunction', path, weight: change, bias: change }];
  },
});
