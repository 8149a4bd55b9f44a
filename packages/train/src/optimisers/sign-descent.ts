import type { Optimiser } from '@tfjs-peft/peft-core/authoring';
import { updateEach } from './update-each.js';

/** Sign descent: `θ ← (1 − rate · decay) · θ − rate · sign(g)`, which Adam is early in training (Malladi et al. 2023, section 3). */
export const signDescent = (): Optimiser => ({
  id: 'sign_descent',
  init: () => new Map(),
  update: (update) =>
    updateEach(update, [], (value, gradient, _state, { learningRate, weightDecay }) => {
      const kept = weightDecay === 0 ? value : value.mul(1 - learningRate * weightDecay);
      return { value: kept.sub(gradient.sign().mul(learningRate)), state: [] };
    }),
});
