import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';

/** Differences start at zero, the host itself, or around it. */
export const initialLaw = (standardDeviation: number): InitialLaw =>
  standardDeviation === 0 ? { kind: 'constant', value: 0 } : { kind: 'normal', standardDeviation };
