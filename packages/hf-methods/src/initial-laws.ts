import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';

export const zeros: InitialLaw = { kind: 'constant', value: 0 };
export const ones: InitialLaw = { kind: 'constant', value: 1 };
export const normal = (standardDeviation: number, mean = 0): InitialLaw => ({
  kind: 'normal',
  standardDeviation,
  mean,
});
export const uniform = (bound: number): InitialLaw => ({ kind: 'uniform', low: -bound, high: bound });

/** Values that are made anew each time that they are looked at: a plan costs nothing, however large it is. */
export const drawn = (draw: () => Float32Array): InitialLaw => ({
  kind: 'given',
  get values() {
    return draw();
  },
});

/** PyTorch's usual law of a linear layer, uniform in ±1/√inputs; for a matrix `[outputs, inputs]`. */
export const kaiming = (inputs: number): InitialLaw => uniform(1 / Math.sqrt(inputs));
