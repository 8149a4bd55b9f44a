import type { HostSpec } from '@tfjs-peft/peft-core';
import type { EffectiveSpec, ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import type { GatedPart } from './choose-gated.js';
import type { UnipeltConfig } from './config.js';
import { unsupported } from './gate-intervention.js';

/** One gate for each place where the part has parameters: a linear map of the place's input to one number. */
export function planGates({ part, gated }: GatedPart, config: UnipeltConfig, host: HostSpec): PlannedParameter[] {
  if (gated === null) return [];
  const paths = new Set(part.plan(host).effective.flatMap(({ site }) => site ?? []));
  return [...paths].flatMap((path) => {
    const size = inputSizeOf(path, gated, host);
    const name = gateName(config, gated, path);
    const parameter = (key: string, shape: readonly number[], initial: ParameterSpec['initial']) => ({
      raw: { name: `${name}.${key}`, shape, initial },
      effective: { name: `${name}.${key}`, shape, site: path, perExample: 'axis' as const },
    });
    return [
      parameter('weight', [size], { kind: 'normal', standardDeviation: config.initialStandardDeviation }),
      parameter('bias', [1], { kind: 'constant', value: config.initialBias }),
    ];
  });
}

interface PlannedParameter {
  readonly raw: ParameterSpec;
  readonly effective: EffectiveSpec;
}

/** Size of what a submodule at a site reads. Where attention and its sublayer share a path both have the same. */
function inputSizeOf(path: string, gated: string, host: HostSpec): number {
  for (const site of host.sites) {
    if (site.path !== path) continue;
    if (site.kind === 'linear') return site.inputSize;
    if (site.kind === 'attention' || site.kind === 'sublayer' || site.kind === 'hidden') return host.hiddenSize;
  }
  throw unsupported(gated, `acts at "${path}"`);
}

/** First segment of the names of a part's gates. */
export const gateNamespace = ({ name }: UnipeltConfig, part: string): string => `${name}-${part}`;
/** Name of one gate, before `.weight` and `.bias`. */
export const gateName = (config: UnipeltConfig, part: string, path: string): string =>
  `${gateNamespace(config, part)}.${path}`;
