import { type HostSpec, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { hasBias } from '@tfjs-peft/peft-core/authoring';
import { hfPath, valuesByPattern } from '@tfjs-peft/peft-core/files';
import type { LoraConfig } from './config.js';
import { type LoraSite, selectTargets } from './select-targets.js';

/** One target with what the patterns say about it. */
export interface LoraTarget {
  readonly kind: LoraSite['kind'];
  readonly path: string;
  /** Inputs of the affine map, rows of the table. */
  readonly inputSize: number;
  readonly outputSize: number;
  readonly rank: number;
  readonly alpha: number;
  /** Factor of `down · up`. */
  readonly scale: number;
}

/**
 * All targets of a configuration on a host. Errors: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`; `PATTERN_ORDER_LOST` where patterns in
 * alphabetical order, as files hold them, would give other values; `TARGET_UNSUPPORTED` for DoRA or a bias at an embedding table,
 * `RANK_UNSUPPORTED` for an orthogonal start with an odd rank.
 */
export function planTargets(config: LoraConfig, host: HostSpec): LoraTarget[] {
  const sites = selectTargets(config, host);
  const names = sites.map(({ path }) => hfPath(host, path));
  const ranks = valuesByPattern('rankPattern', config.rankPattern, config.rank, names);
  const alphas = valuesByPattern('alphaPattern', config.alphaPattern, config.alpha, names);
  return sites.map((site, index) => {
    const [rank, alpha] = [ranks[index]!, alphas[index]!];
    requireSupported(config, site, rank);
    return {
      kind: site.kind,
      path: site.path,
      inputSize: site.kind === 'linear' ? site.inputSize : site.rows,
      outputSize: site.kind === 'linear' ? site.outputSize : site.size,
      rank,
      alpha,
      scale: alpha / (config.rsLora ? Math.sqrt(rank) : rank),
    };
  });
}

/** Paths of the modules whose bias is trained. */
export function biasPaths({ bias, pooler }: LoraConfig, targets: readonly LoraTarget[], host: HostSpec): string[] {
  if (bias === 'none') return [];
  const withoutBias = new Set(sitesOfKind(host, 'linear').flatMap((site) => (hasBias(site) ? [] : [site.path])));
  if (bias === 'lora_only')
    return targets.filter(({ kind, path }) => kind === 'linear' && !withoutBias.has(path)).map(({ path }) => path);
  const linears = sitesOfKind(host, 'linear').filter(({ role }) => pooler !== false || role !== 'pooler');
  return [...linears, ...sitesOfKind(host, 'norm')].filter(hasBias).map(({ path }) => path);
}

function requireSupported({ dora, loraBias, initialisation }: LoraConfig, site: LoraSite, rank: number): void {
  if (site.kind === 'table' && (dora || loraBias))
    throw new PeftError('TARGET_UNSUPPORTED', {
      found: `${dora ? 'dora' : 'loraBias'} with the embedding table ${site.path} as a target`,
      expected: 'affine maps alone',
      fix: `leave the table to a second LoRA in the composition, or set ${dora ? 'dora' : 'loraBias'} to false`,
    });
  if (site.kind === 'linear' && initialisation === 'orthogonal' && rank % 2 !== 0)
    throw new PeftError('RANK_UNSUPPORTED', {
      found: `rank ${rank} at ${site.path} with an orthogonal start`,
      expected: 'an even rank',
      fix: 'take another rank or another initialisation',
    });
}
