// PACE (Ni et al. 2024, arXiv 2409.17137): in training the delta of an adapter is multiplied by noise, and two passes must agree. A wrapper of
// any method that acts by low-rank deltas; what is deployed is the method inside.
import { type Context, foldMethod, type Host, PeftError, type PeftMethod, substream } from '@tfjs-peft/peft-core';
import {
  lossWithFirstPass,
  type MethodDefinition,
  normals,
  type Objective,
  parseConfig,
  type Preparation,
} from '@tfjs-peft/peft-core/authoring';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { lora, loraDefinition } from '@tfjs-peft/lora';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { learn, passKit } from './setting.js';

const paceConfig = z.strictObject({
  /** Standard deviation σ of the noise, around 1. */
  deviation: z.number().nonnegative().default(0.5),
  /** Weight λ of the squared distance between the logits of two passes. */
  weight: z.number().nonnegative().default(0.1),
});
type PaceConfig = z.output<typeof paceConfig>;

export const paceDefinition: MethodDefinition<typeof paceConfig> = {
  type: 'PACE',
  config: paceConfig,
  create: (config, [part]) => createPace(part!, config),
};
/** Errors: `CONFIG_INVALID`; in training `PACE_UNSUPPORTED` for a part without low-rank deltas. */
export const pace = (method: PeftMethod, config: z.input<typeof paceConfig> = {}) =>
  createPace(method, parseConfig(paceConfig, config, 'pace'));

function createPace(inner: PeftMethod, config: PaceConfig): PeftMethod<PaceConfig> {
  const { deviation, weight } = config;
  return {
    type: paceDefinition.type,
    config,
    namespaces: inner.namespaces,
    ...(inner.kinds && { kinds: inner.kinds }),
    parts: [inner],
    withParts: ([part]) => createPace(part!, config),
    plan: (host) => inner.plan(host),
    reparametrise: (raw, host) => inner.reparametrise?.(raw, host) ?? raw,
    intervene(effective, context) {
      const items = inner.intervene(effective, context);
      return context.mode === 'train' ? items.map((item) => noisy(item, deviation, context)) : items;
    },
    ...(inner.penalty && { penalty: (effective, context) => inner.penalty!(effective, context) }),
    ...(inner.afterStep && { afterStep: (raw) => inner.afterStep!(raw) }),
    ...(inner.prepare && {
      prepare: async (host: Host, preparation: Preparation) =>
        createPace(await inner.prepare!(host, preparation), config),
    }),
    objective: (objective) => withAgreement(inner.objective?.(objective) ?? objective, weight),
    fold: (effective) => foldMethod(inner, effective),
  };
}

/** `Δh ⊙ z`, z `[batch, 1, output]` around 1: one factor an example and channel, the same for all tokens. */
function noisy(item: Intervention, deviation: number, { batchSize, streams }: Context): Intervention {
  if (item.kind !== 'lowRankDelta')
    throw new PeftError('PACE_UNSUPPORTED', {
      found: `an intervention of kind ${item.kind}`,
      expected: 'low-rank deltas',
      fix: 'wrap LoRA alone: compose(pace(lora()), head({ labels }))',
    });
  const size = item.up.shape.at(-1)!;
  const noise = normals(substream(streams.draws, 'pace', item.path), batchSize * size);
  return { ...item, up: item.up.mul(tf.tensor3d(noise, [batchSize, 1, size]).mul(deviation).add(1)) };
}

/** Adds the mean over examples of `Σ (f₁ − f₂)²`, f the logits of two passes with noise of their own and the same dropout. */
const withAgreement = <Targets>(objective: Objective<Targets>, weight: number): Objective<Targets> => ({
  id: `${objective.id} + pace(weight=${weight})`,
  loss(pass, batch, context) {
    const { loss, terms, first } = lossWithFirstPass(objective, pass, batch, context);
    if (context.mode !== 'train' || !first) return { loss, terms };
    const draws = substream(context.streams.draws, 'second pass');
    const second = pass({ ...context, streams: { ...context.streams, draws } }).logits!;
    const distance = first.logits!.sub(second).square().sum(1).mean();
    return { loss, terms: { ...terms, pace: distance.mul<tf.Scalar>(weight) } };
  },
});

const { history } = await learn(pace(lora({ rank: 4 })));
console.log(`disagreement of two passes in the last step: ${history.at(-1)!.terms!.pace!.toExponential(1)}`);
await passKit(() => pace(lora({ rank: 2 })), {
  definitions: [paceDefinition, loraDefinition],
  identityAtStart: true,
  mergeable: true,
});
