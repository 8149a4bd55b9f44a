import { type HostSpec, type LinearRole, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import { matchTargets, sitesWithRole } from '@tfjs-peft/peft-core/authoring';
import type { Ia3Config } from './config.js';

type LinearSite = Extract<Site, { kind: 'linear' }>;

/** One gate: a vector on the output of an affine map, or on its input in the feed-forward network. */
export interface Gate {
  readonly site: LinearSite;
  readonly side: 'input' | 'output';
  readonly size: number;
  /** Of its parameter. */
  readonly name: string;
}

/**
 * The gates of a configuration in the order of the forward pass.
 * Errors: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`; also where the usual targets are asked for and the host names no roles.
 */
export function chooseGates(
  { targets, feedForwardTargets, name }: Pick<Ia3Config, 'targets' | 'feedForwardTargets' | 'name'>,
  host: HostSpec,
): Gate[] {
  const inputs = new Set(pathsOf(host, feedForwardTargets, ['feedForwardOut']));
  const outputs = new Set(pathsOf(host, targets, ['key', 'value']));
  return sitesOfKind(host, 'linear').flatMap((site): Gate[] => {
    const named = { site, name: `${name}.${site.path}.gate` };
    if (inputs.has(site.path)) return [{ ...named, side: 'input', size: site.inputSize }];
    return outputs.has(site.path) ? [{ ...named, side: 'output', size: site.outputSize }] : [];
  });
}

const pathsOf = (host: HostSpec, patterns: Ia3Config['targets'], usual: readonly LinearRole[]): string[] =>
  (patterns === null ? sitesWithRole(host, ...usual) : matchTargets(host, 'linear', patterns)).map(({ path }) => path);
