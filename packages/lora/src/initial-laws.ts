import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';
import type { LoraConfig } from './config.js';
import type { LoraTarget } from './plan-targets.js';

export interface InitialLaws {
  readonly down: InitialLaw;
  readonly up: InitialLaw;
  readonly upBias: InitialLaw;
}

/**
 * The laws of HF peft 0.21. A table starts the other way round, with `down` (its rows) at zero and `up` standard normal, so that only the
 * rows that occur move; `random` draws both there.
 */
export function initialLaws({ initialisation }: LoraConfig, { kind, inputSize, rank }: LoraTarget): InitialLaws {
  const zero: InitialLaw = { kind: 'constant', value: 0 };
  const normal = (standardDeviation: number): InitialLaw => ({ kind: 'normal', standardDeviation });
  const uniform = (inputs: number): InitialLaw => {
    const bound = 1 / Math.sqrt(inputs);
    return { kind: 'uniform', low: -bound, high: bound };
  };
  if (kind === 'table') return { down: initialisation === 'random' ? normal(1) : zero, up: normal(1), upBias: zero };
  switch (initialisation) {
    case 'kaiming':
      return { down: uniform(inputSize), up: zero, upBias: zero };
    case 'gaussian':
      return { down: normal(1 / rank), up: zero, upBias: zero };
    case 'random':
      return { down: uniform(inputSize), up: uniform(rank), upBias: uniform(rank) };
    case 'orthogonal':
      return { down: { kind: 'unprepared' }, up: { kind: 'unprepared' }, upBias: zero };
  }
}
