// LNSR (Hua et al. 2021, arXiv 2107.04835): noise on the output of one layer, and a term that keeps the layers above calm: Σ λ ‖f(h + ε) − f(h)‖².
// It has no parameters, so it is no method but an objective around another one, and works with every method.
import { lora } from '@tfjs-peft/lora';
import { type Host, sitesOfKind, substream } from '@tfjs-peft/peft-core';
import { normals, type Objective, type PassOptions } from '@tfjs-peft/peft-core/authoring';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { crossEntropy, type LogitsObjective } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { learn, openSetting } from './setting.js';

interface StabilityOptions {
  readonly host: Pick<Host, 'spec'>;
  /** The noise is added to the output of this layer; the term looks at all later ones. */
  readonly layer: number;
  /** Standard deviation of the noise, relative to that of the states. */
  readonly noise: number;
  /** λ, for each layer. */
  readonly weight: number;
}

/** Adds the term `lnsr`: the mean over texts and tokens of the squared distances of a pass with noise to one without, over later layers. */
export function withStability(
  objective: Objective<readonly number[]>,
  { host, layer, noise, weight }: StabilityOptions,
): Objective<readonly number[]> {
  const sites = sitesOfKind(host.spec, 'hidden');
  const [from, later] = [sites.find((site) => site.layer === layer)!, sites.filter((site) => site.layer > layer)];
  return {
    id: `${objective.id} + lnsr(layer=${layer} noise=${noise} weight=${weight})`,
    loss(pass, batch, context) {
      // A tap shows states inside the pass' scope: what must outlive it is kept, and freed when the term is there.
      const kept: tf.Tensor[] = [];
      const taps = (seen: tf.Tensor[]) =>
        later.map(({ path }): Intervention => ({
          kind: 'tap',
          path,
          at: 'output',
          observe: (states, mask) => {
            seen.push(tf.keep(states.mul(mask.expandDims(-1))));
            kept.push(seen.at(-1)!);
          },
        }));
      const shake: Intervention = {
        kind: 'hiddenDelta',
        path: from.path,
        apply(h) {
          const drawn = normals(substream(context.streams.draws, 'lnsr'), h.size);
          return tf.tensor(drawn, h.shape).mul(tf.moments(h).variance.sqrt()).mul(noise);
        },
      };
      try {
        const [calm, shaken]: [tf.Tensor[], tf.Tensor[]] = [[], []];
        const { loss, terms } = objective.loss(
          (used, options: PassOptions = {}) =>
            pass(used, { ...options, interventions: [...(options.interventions ?? []), ...taps(calm)] }),
          batch,
          context,
        );
        pass(context, { interventions: [shake, ...taps(shaken)] });
        const distances = later.map((_, index) => shaken[index]!.sub(calm[index]!).square().sum());
        const lnsr = tf.addN(distances).div(batch.inputs.attentionMask.sum()).mul<tf.Scalar>(weight);
        return { loss, terms: { ...terms, lnsr } };
      } finally {
        tf.dispose(kept);
      }
    },
  };
}

const { host } = await openSetting();
/** Held-out texts are judged by cross entropy alone: rules for logits stay those of the objective inside. */
const objectiveWith = (weight: number): LogitsObjective => ({
  ...crossEntropy(),
  ...withStability(crossEntropy(), { host, layer: 2, noise: 0.05, weight }),
});
const distanceOf = async (weight: number) => {
  const { history } = await learn(lora({ rank: 4 }), { objective: objectiveWith(weight), steps: 8 });
  return history.at(-1)!.terms!.lnsr! / weight;
};
const free = await distanceOf(1e-9);
const before = tf.memory().numTensors;
const held = await distanceOf(0.1);
console.log(`distance of shaken layers: ${free.toFixed(3)} without the term, ${held.toFixed(3)} with it`);
if (!(held < free)) throw new Error('the term does not calm the layers');
if (tf.memory().numTensors !== before) throw new Error('tensors are left over');
