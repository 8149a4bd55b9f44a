import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';

export const normal = (standardDeviation: number): InitialLaw => ({ kind: 'normal', standardDeviation });

/** Uniform in ±1/√size: torch's law for affine maps (size: inputs) and for an LSTM (size: hidden). */
export const uniform = (size: number): InitialLaw => ({
  kind: 'uniform',
  low: -1 / Math.sqrt(size),
  high: 1 / Math.sqrt(size),
});
