import type { Optimiser } from '@tfjs-peft/peft-core/authoring';
import { updateEach, zerosFor } from './update-each.js';

/** Of gradient descent with momentum. */
export interface SgdSettings {
  /** Share of the velocity that stays in an update; 0 for plain gradient descent. */
  readonly momentum: number;
}

/** Stochastic gradient descent as torch.optim.SGD computes it, but for the decay, which is decoupled: `v ← momentum · v + g`, `θ ← (1 − rate · decay) · θ − rate · v`. */
export function sgd({ momentum }: SgdSettings = { momentum: 0 }): Optimiser {
  const slots = momentum === 0 ? [] : ['velocities'];
  return {
    id: `sgd(momentum=${momentum})`,
    init: (parameters) => new Map(slots.map((slot) => [slot, zerosFor(parameters)])),
    update: (update) =>
      updateEach(update, slots, (value, gradient, [velocity], { learningRate, weightDecay }) => {
        const scaled = update.gradientScale ? gradient.mul(update.gradientScale) : gradient;
        const direction = velocity ? velocity.mul(momentum).add(scaled) : scaled;
        const kept = weightDecay === 0 ? value : value.mul(1 - learningRate * weightDecay);
        return { value: kept.sub(direction.mul(learningRate)), state: velocity ? [direction] : [] };
      }),
  };
}
