import { type HostSpec, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { compilePattern, createPatternWork, endsOf, nearMisses } from '@tfjs-peft/peft-core/authoring';
import type { LoraConfig } from './config.js';
import { hfPath } from './names.js';
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
  if (bias === 'lora_only') return targets.filter(({ kind }) => kind === 'linear').map(({ path }) => path);
  const linears = sitesOfKind(host, 'linear').filter(({ role }) => pooler !== false || role !== 'pooler');
  return [...linears, ...sitesOfKind(host, 'norm')].map(({ path }) => path);
}

/** The value for each name: that of the first pattern that fits, else the usual one. */
export function valuesByPattern(
  field: string,
  patterns: Readonly<Record<string, number>>,
  usual: number,
  names: readonly string[],
): number[] {
  const work = createPatternWork(field);
  const entries = Object.entries(patterns).map(([key, value]) => {
    const fits = compilePattern(`(?:.*\\.)?(?:${key})`, work);
    return { key, value, hits: new Set(names.filter(fits)) };
  });
  const alphabetical = [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));
  const unused = entries.find(({ hits }) => hits.size === 0);
  if (unused) {
    const close = nearMisses(unused.key, new Set(names.flatMap(endsOf)));
    throw new PeftError('TARGET_UNMATCHED', {
      found: `${field}: "${unused.key}" matches none of the targets`,
      expected: close.length > 0 ? `something like ${close.join(', ')}` : `a path such as ${names[0]}`,
      fix: 'correct the pattern or take it out',
    });
  }
  return names.map((name) => {
    const first = entries.find(({ hits }) => hits.has(name));
    const inFiles = alphabetical.find(({ hits }) => hits.has(name));
    if (first?.value === inFiles?.value) return first?.value ?? usual;
    throw new PeftError('PATTERN_ORDER_LOST', {
      found: `${field}: "${first!.key}" (${first!.value}) and "${inFiles!.key}" (${inFiles!.value}) both fit ${name}`,
      expected: 'one value for each target whatever the order of the patterns: files keep them in alphabetical order',
      fix: `make the pattern "${inFiles!.key}" narrower`,
    });
  });
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
