import { type HostSpec, PeftError, type Site } from '@tfjs-peft/peft-core';
import {
  isWeightSite,
  matchTargets,
  type SiteTensor,
  tensorsOfSite,
  type WeightSite,
} from '@tfjs-peft/peft-core/authoring';
import type { FullConfig } from './config.js';

/** A tensor of the host that is trained. */
export interface TrainedTensor extends SiteTensor {
  /** Path of its module, where it acts. */
  readonly module: string;
  /** Of its parameter. */
  readonly name: string;
}

/**
 * The tensors that a configuration trains, in the order of the host's sites.
 * Errors: `TARGET_UNMATCHED` for each pattern without a hit, and where nothing is left to train; `TARGET_PATTERN_INVALID`.
 */
export function chooseTensors({ include, exclude, embeddings, name }: FullConfig, host: HostSpec): TrainedTensor[] {
  const modules = host.sites.filter(isWeightSite);
  const candidates = modules.filter(({ kind }) => embeddings || kind !== 'table');
  const included = include === null ? null : matchModules(host, candidates, include);
  const excluded = exclude === null ? null : matchModules(host, modules, exclude);
  const chosen = candidates.filter(({ path }) => (included?.has(path) ?? true) && !excluded?.has(path));
  if (chosen.length > 0) return chosen.flatMap((module) => tensorsOf(module, name));
  throw new PeftError('TARGET_UNMATCHED', {
    found: `nothing of host "${host.name}" is left to train: include ${JSON.stringify(include)}, exclude ${JSON.stringify(exclude)}`,
    expected: 'at least one table, affine map or LayerNorm',
    fix: 'exclude less; to train a head alone, use head({ labels }) alone',
  });
}

/** Paths among modules of several kinds, as `matchTargets` finds them within one. */
function matchModules(
  host: HostSpec,
  modules: readonly WeightSite[],
  patterns: string | readonly string[],
): Set<string> {
  const sites = modules.map(({ path }): Site => ({ kind: 'tensor', path, shape: [] }));
  return new Set(matchTargets({ ...host, sites }, 'tensor', patterns).map(({ path }) => path));
}

const tensorsOf = (site: WeightSite, namespace: string): TrainedTensor[] =>
  tensorsOfSite(site).map((tensor) => ({ ...tensor, module: site.path, name: `${namespace}.${tensor.path}` }));
