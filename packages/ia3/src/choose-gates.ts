import { type HostSpec, type LinearRole, matchTargets, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
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

function pathsOf(host: HostSpec, patterns: Ia3Config['targets'], usual: readonly LinearRole[]): string[] {
  if (patterns !== null) return matchTargets(host, 'linear', patterns).map(({ path }) => path);
  const linears = sitesOfKind(host, 'linear');
  const missing = usual.find((role) => !linears.some((site) => site.role === role));
  if (missing === undefined) return linears.filter(({ role }) => role && usual.includes(role)).map(({ path }) => path);
  throw new PeftError('TARGET_UNMATCHED', {
    found: `host "${host.name}" names no ${missing} map among its linear sites`,
    expected: `sites with the roles ${usual.join(' and ')}`,
    fix: 'name the affine maps yourself: `targets` and `feedForwardTargets`',
  });
}
