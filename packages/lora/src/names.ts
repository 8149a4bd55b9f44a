import type { LoraConfig } from './config.js';

/** Names of the parameters at one path; which of them exist is for the plan to say. */
export const parameterNames = ({ name }: LoraConfig, path: string) => ({
  /** `[inputs, rank]`, for a table `[rows, rank]`. */
  down: `${name}.${path}.down`,
  /** `[rank, outputs]` */
  up: `${name}.${path}.up`,
  /** `[outputs]` */
  upBias: `${name}.${path}.upBias`,
  /** `[outputs]`, the difference to the column norms of the host's weight. */
  magnitudeDelta: `${name}.${path}.magnitudeDelta`,
  /** `[outputs]`, the difference to the host's bias. */
  biasDelta: `${name}.${path}.biasDelta`,
});
