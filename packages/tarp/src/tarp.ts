import type { HostSpec, PeftMethod } from '@tfjs-peft/peft-core';
import { getParameter, type MethodDefinition, parseConfig, rememberPerHost } from '@tfjs-peft/peft-core/authoring';
import type { DynamicFactors, Intervention, InterventionKind } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type * as z from 'zod';
import { chooseMaps } from './choose-maps.js';
import { type TarpConfig, tarpConfig } from './config.js';
import { dynamicScaleDelta } from './dynamic-products.js';
import { factorName, factorsOf, type Part, type PartForm, partsOf } from './parameters.js';
import { kroneckerSum, scaleOf } from './static-matrices.js';

/** Makes TARP known by name: type `TARP`. */
export const tarpDefinition: MethodDefinition<typeof tarpConfig> = {
  type: 'TARP',
  config: tarpConfig,
  create: (config) => createTarp(config),
};

/**
 * TARP (Hou et al. 2022, arXiv 2207.03509, section 2.2, equations 1 to 3): `y = x (W ⊙ scale + shift) + b`, scale and shift of low rank, the same for all
 * tokens or another one for each. Identity at the start, which the authors' code is not. Static forms merge; of a dynamic one the static scale does.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`, `TARGET_MISSHAPEN`.
 */
export const tarp = (config: z.input<typeof tarpConfig> = {}): PeftMethod<TarpConfig> =>
  createTarp(parseConfig(tarpConfig, config, 'tarp'));

function createTarp(config: TarpConfig): PeftMethod<TarpConfig> {
  const parts = partsOf(config);
  const mapsOn = rememberPerHost((host: HostSpec) => chooseMaps(config, host));
  const specsOn = (host: HostSpec) =>
    mapsOn(host).flatMap((site) =>
      factorsOf(config, site).map(({ key, ...factor }) => ({
        ...factor,
        name: factorName(config, site.path, key),
        site: site.path,
        perExample: canDiffer(parts, key) ? ('axis' as const) : ('none' as const),
      })),
    );
  const staysBeside = config.form === 'dynamic' && config.scale !== 'none';
  return {
    type: tarpDefinition.type,
    config,
    namespaces: [config.name],
    kinds: kindsOf(config),
    plan(host) {
      const specs = specsOn(host);
      return {
        raw: specs.map(({ name, shape, initial }) => ({ name, shape, initial })),
        effective: specs.map(({ name, shape, site, perExample }) => ({ name, shape, site, perExample })),
        ...(config.dynamicScale && {
          notes: [
            `A dynamic scale of rank ${config.rank} costs ${config.rank} more products with each of its weights.`,
          ],
        }),
      };
    },
    intervene: (effective, { host }) =>
      mapsOn(host).flatMap(({ path }) =>
        effectsOf(config, parts, path, (key) => getParameter(effective, factorName(config, path, key))),
      ),
    ...(staysBeside && { afterMerge: () => createTarp({ ...config, scale: 'none' }) }),
  };
}

/** Only a static shift that is one product, and what depends on tokens, can be another one for each example: a weight is one a batch. */
const canDiffer = (parts: readonly (readonly [Part, PartForm])[], key: string): boolean =>
  parts.some(([part, form]) => key.startsWith(part) && (form === 'dynamic' || (form === 'plain' && part === 'shift')));

function kindsOf(config: TarpConfig): InterventionKind[] {
  const { form, scale, dynamicScale } = config;
  const shift = { bilinear: 'lowRankDelta', kronecker: 'weightFunction', dynamic: 'dynamicLowRankDelta' } as const;
  return [
    ...new Set([
      ...(scale === 'none' ? [] : ['weightFunction' as const]),
      ...(dynamicScale ? ['dynamicWeightDelta' as const] : []),
      shift[form],
    ]),
  ];
}

type Find = (key: string) => tf.Tensor;

/** A scale is added as W ⊙ (scale - 1): a shift beside it, of this method or another, is not scaled. */
function effectsOf(
  { scale }: TarpConfig,
  parts: readonly (readonly [Part, PartForm])[],
  path: string,
  find: Find,
): Intervention[] {
  return parts.map(([part, form]): Intervention => {
    if (form === 'dynamic') return dynamicEffect(part, path, find);
    if (part === 'shift' && form === 'plain')
      return { kind: 'lowRankDelta', path, down: find('shiftDown'), up: find('shiftUp'), scale: 1 };
    const product = () =>
      form === 'plain'
        ? tf.matMul(find(`${part}Down`), find(`${part}Up`))
        : kroneckerSum(find(`${part}Blocks`), find(`${part}Down`), find(`${part}Up`));
    return {
      kind: 'weightFunction',
      path,
      weight: (frozen) =>
        part === 'scale' && scale !== 'none' ? frozen.mul(scaleOf(scale, product()).sub(1)) : product(),
    };
  });
}

function dynamicEffect(part: Part, path: string, find: Find): Intervention {
  const factors: DynamicFactors = { down: find(`${part}Down`), core: find(`${part}Core`), up: find(`${part}Up`) };
  if (part === 'shift') return { kind: 'dynamicLowRankDelta', path, ...factors };
  const perToken = [factors.down, factors.core, factors.up].every(({ rank }) => rank === 2);
  return { kind: 'dynamicWeightDelta', path, perToken, apply: (x, frozen) => dynamicScaleDelta(x, frozen, factors) };
}
