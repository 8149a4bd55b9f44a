import { type HostSpec, PeftError, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import { type MethodDefinition, parseConfig, servesRole, sizeOf } from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { chooseTensors, type HostTensor } from './choose-tensors.js';
import { type ShiraConfig, shiraConfig } from './config.js';
import { readHfShiraConfig } from './hf-config.js';
import { createIncrements, type IncrementMethod } from './sparse-increments.js';

/** Makes SHiRA known by name, and its files in HF peft's format: type `SHIRA`. */
export const shiraDefinition: MethodDefinition<typeof shiraConfig> = {
  type: 'SHIRA',
  config: shiraConfig,
  apart: (config) => ({ ...config, initialStandardDeviation: 0.01 }),
  create: (config) => createIncrements(shiraMethod(config)),
  fromHfConfig: readHfShiraConfig,
};

/**
 * SHiRA (Bhardwaj et al. 2024, arXiv 2406.13175): sparse increments of affine maps at fixed places, as many as LoRA of some rank has numbers. HF peft
 * knows it, so that adapters go both ways. Errors: `CONFIG_INVALID`; `plan`: those of the targets, `RANK_UNSUPPORTED`.
 */
export const shira = (config: z.input<typeof shiraConfig> = {}): PeftMethod<ShiraConfig> =>
  createIncrements(shiraMethod(parseConfig(shiraConfig, config, 'shira')));

const shiraMethod = (config: ShiraConfig): IncrementMethod<ShiraConfig> => ({
  type: shiraDefinition.type,
  config,
  tensorsOn: (host) => weightsOn(host, config.targets),
  countOf: (tensor) => countOfRank(tensor, config.rank),
  settings: { selection: config.selection, batches: 1, scope: 'tensor', rows: false },
  withConfig: (other) => shiraMethod(parseConfig(shiraConfig, other, 'shira')),
});

/** Weights of affine maps. Errors: those of the targets; `TARGET_UNSUPPORTED` for modules that are none. */
function weightsOn(host: HostSpec, targets: ShiraConfig['targets']): HostTensor[] {
  const usual = sitesOfKind(host, 'linear').filter((site) => servesRole(site, 'query') || servesRole(site, 'value'));
  const chosen = chooseTensors(targets ?? usual.map(({ path }) => path), host);
  const other = chosen.find(({ kind }) => kind !== 'linear');
  if (other)
    throw new PeftError('TARGET_UNSUPPORTED', {
      found: `a ${other.kind} among the targets, "${other.module}"`,
      expected: 'affine maps: SHiRA has a place for nothing else',
      fix: 'take it out, or use sift()',
    });
  return chosen.filter(({ part }) => part === 'weight');
}

/** `r · (inputs + outputs)`. Errors: `RANK_UNSUPPORTED` where that is more than there are entries. */
function countOfRank({ path, shape }: HostTensor, rank: number): number {
  const count = rank * (shape[0]! + shape[1]!);
  if (count <= sizeOf(shape)) return count;
  throw new PeftError('RANK_UNSUPPORTED', {
    found: `rank ${rank} at "${path}" [${shape.join(', ')}]: ${count} entries`,
    expected: `at most ${sizeOf(shape)}, so a rank of at most ${Math.floor(sizeOf(shape) / (shape[0]! + shape[1]!))}`,
    fix: 'lower the rank',
  });
}
