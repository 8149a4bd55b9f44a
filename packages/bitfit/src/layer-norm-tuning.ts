import { type HostSpec, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import {
  getParameter,
  matchTargets,
  type MethodDefinition,
  parseConfig,
  sumDifferences,
  tensorsOfSite,
} from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { type LayerNormTuningConfig, layerNormTuningConfig } from './config.js';
import { layerNormFiles, readHfLayerNormConfig } from './hf-files.js';
import { initialLaw } from './initial-law.js';

/** Makes LayerNorm tuning known by name: type `LN_TUNING`. */
export const layerNormTuningDefinition: MethodDefinition<typeof layerNormTuningConfig> = {
  type: 'LN_TUNING',
  config: layerNormTuningConfig,
  apart: (config) => ({ ...config, initialStandardDeviation: 0.01 }),
  create: (config) => createLayerNormTuning(config),
  fromHfConfig: readHfLayerNormConfig,
};

/**
 * LN tuning (Qi et al. 2022, arXiv 2211.08682, section 3; Zhao et al. 2023, arXiv 2312.11420): gain and bias of LayerNorms are trained,
 * `normalised(x) ⊙ (g + Δg) + b + Δb`. Effective parameters: the differences `[size]`, called `<name>.<path>.weight` and `.bias`. They start
 * at zero: the host as it is. HF peft stores the sums, `g + Δg` and `b + Δb`.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`.
 */
export const layerNormTuning = (
  config: z.input<typeof layerNormTuningConfig> = {},
): PeftMethod<LayerNormTuningConfig> =>
  createLayerNormTuning(parseConfig(layerNormTuningConfig, config, 'layerNormTuning'));

function createLayerNormTuning(config: LayerNormTuningConfig): PeftMethod<LayerNormTuningConfig> {
  const normsOf = (host: HostSpec) =>
    config.targets === null ? sitesOfKind(host, 'norm') : matchTargets(host, 'norm', config.targets);
  const tensorsOf = (host: HostSpec) =>
    normsOf(host)
      .flatMap(tensorsOfSite)
      .map(({ path }) => path);
  const nameOf = (path: string) => `${config.name}.${path}`;
  const initial = initialLaw(config.initialStandardDeviation);
  return {
    type: layerNormTuningDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['weightDelta', 'biasDelta'],
    plan(host) {
      const specs = normsOf(host).flatMap((site) =>
        tensorsOfSite(site).map(({ path: tensor, shape }) => ({
          name: nameOf(tensor),
          shape,
          site: site.path,
          perExample: 'axis' as const,
        })),
      );
      return { raw: specs.map(({ name, shape }) => ({ name, shape, initial })), effective: specs };
    },
    intervene: (effective, { host }) =>
      normsOf(host).flatMap((site) =>
        tensorsOfSite(site).map(({ path: tensor, part }) => ({
          kind: part === 'weight' ? ('weightDelta' as const) : ('biasDelta' as const),
          path: site.path,
          delta: getParameter(effective, nameOf(tensor)),
        })),
      ),
    combine: (members, options) => sumDifferences(members, options),
    files: layerNormFiles(config, { tensorsOf, nameOf }),
  };
}
