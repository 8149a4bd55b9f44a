import type { Parameters } from '@tfjs-peft/peft-core';
import type { Optimiser } from '@tfjs-peft/peft-core/authoring';

const slot = 'averages';

/**
 * The same optimiser with an exponential moving average of the parameters beside it, `a ← d · a + (1 − d) · θ` after each update, with
 * `d = min(decay, (1 + t) / (10 + t))` so that the first steps do not linger. Training goes on from the parameters themselves; the average is what is
 * evaluated, chosen and returned. A parameter that a method projects after each step (`afterStep`) is averaged as it was before.
 */
export function averageParameters(optimiser: Optimiser, decay: number): Optimiser {
  return {
    id: `average(decay=${decay} of ${optimiser.id})`,
    init: (parameters) =>
      new Map([
        ...optimiser.init(parameters),
        [slot, new Map([...parameters].map(([name, value]) => [name, value.clone()]))],
      ]),
    update(update) {
      const { parameters, state } = optimiser.update(update);
      const kept = Math.min(decay, (1 + update.step) / (10 + update.step));
      const averages = new Map(
        [...parameters].map(([name, value]) => {
          const average = update.state.get(slot)!.get(name)!;
          return [name, average.mul(kept).add(value.mul(1 - kept))] as const;
        }),
      );
      return { parameters, state: new Map([...state, [slot, averages]]) };
    },
    judged: (state): Parameters => state.get(slot)!,
  };
}
