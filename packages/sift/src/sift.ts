import { type PeftMethod } from '@tfjs-peft/peft-core';
import { type MethodDefinition, parseConfig, sizeOf } from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { chooseTensors, type HostTensor } from './choose-tensors.js';
import { unitsOf } from './candidates.js';
import { type SiftConfig, siftConfig } from './config.js';
import { createIncrements, type IncrementMethod } from './sparse-increments.js';

/** Makes SIFT known by name: type `SIFT`. */
export const siftDefinition: MethodDefinition<typeof siftConfig> = {
  type: 'SIFT',
  config: siftConfig,
  apart: (config) => ({ ...config, initialStandardDeviation: 0.01 }),
  create: (config) => createIncrements(siftMethod(config)),
};

/**
 * SIFT (Song et al. 2023, arXiv 2312.11875): of the host's own tensors a small share of the entries is trained, those with the largest gradient before
 * training. The parameters are increments: zero is the host as it is. Chosen by `prepare`, from labelled batches; `train` calls it.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_UNSUPPORTED`, `TARGET_PATTERN_INVALID`, `TARGET_MISSHAPEN`; `prepare`:
 * `SELECTION_NOT_FINITE`, `SELECTION_WITHOUT_GRADIENT`, `SELECTION_BATCHES_FEW`.
 */
export const sift = (config: z.input<typeof siftConfig> = {}): PeftMethod<SiftConfig> =>
  createIncrements(siftMethod(parseConfig(siftConfig, config, 'sift')));

const siftMethod = (config: SiftConfig): IncrementMethod<SiftConfig> => ({
  type: siftDefinition.type,
  config,
  tensorsOn: (host) => chooseTensors(config.targets, host),
  countOf: (tensor) => countEntries(tensor, config),
  settings: config,
  withConfig: (other) => siftMethod(parseConfig(siftConfig, other, 'sift')),
});

/** `⌊ρ·n⌋ + 1` of n, at most n; of a table's rows likewise, where whole rows are chosen. */
function countEntries(tensor: HostTensor, { rate, rows }: Pick<SiftConfig, 'rate' | 'rows'>): number {
  const [units, size] = unitsOf(tensor, rows);
  return size === 1
    ? Math.min(Math.floor(rate * sizeOf(tensor.shape)) + 1, units)
    : Math.min(Math.floor(rate * units) + 1, units) * size;
}
