import { compilePattern } from '../compile-pattern.js';
import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import { endsOf } from '../match-targets.js';
import { createPatternWork } from '../pattern-work.js';
import { isBareEncoder, isMultipleChoice, tokenModuleOf } from './base-class.js';
import { headModules } from './module-names.js';
import { briefJson } from '../json/brief-json.js';

/**
 * An entry of adapter_config.json that names modules: a list without the base model's name, with which HF peft writes whole paths
 * (`bert.encoder…`), or an expression as it is. Undefined if the entry is absent or null.
 * Errors: `CONFIG_INVALID`, `TARGET_PATTERN_INVALID`, `TARGET_PATTERN_TOO_LARGE`.
 */
export function readHfPatterns(config: JsonObject, key: string, host: HostSpec): string | string[] | undefined {
  const value = config[key];
  if (value == null) return undefined;
  if (typeof value === 'string') {
    compilePattern(value);
    return value;
  }
  const base = `${host.baseModelPrefix}.`;
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string'))
    return withoutHeadNames(value as string[], host).map((entry) =>
      entry.startsWith(base) ? entry.slice(base.length) : entry,
    );
  throw new PeftError('CONFIG_INVALID', {
    found: `"${key}": ${briefJson(value)} in adapter_config.json`,
    expected: 'a list of module names or one regular expression',
  });
}

/**
 * Names of modules without those that mean nothing but the head: HF peft never adapts a head that it trains, though "all-linear" names parts of
 * some (RoBERTa's `classifier.dense`).
 */
export function withoutHeadNames(names: readonly string[], host: HostSpec): string[] {
  const ofHead = new Set(headModules(host).flatMap(endsOf));
  const modules = host.sites.filter(({ kind }) => kind !== 'tensor' && kind !== 'readout');
  const ofEncoder = new Set(modules.flatMap(({ path }) => endsOf(`${host.baseModelPrefix}.${path}`)));
  return names.filter((name) => !ofHead.has(name) || ofEncoder.has(name));
}

/**
 * Whether a folder of HF peft means the pooler too where it names modules: RoBERTa's sequence classifier has none, though checkpoints hold
 * one, and only an adapter around the encoder alone sees it; classes for single tokens have none either.
 */
export const meansPooler = (config: JsonObject, { classifier }: HostSpec): boolean =>
  tokenModuleOf(config) === undefined &&
  (classifier.readout === 'pooler' || isBareEncoder(config) || isMultipleChoice(config));

/**
 * What HF peft takes of a list of module names: those that fit something. A list for several architectures is not wrong there as long as one of
 * its names fits; one of which none does is left as it is, to be refused.
 */
export function namesWithHits(list: readonly string[], names: readonly string[]): readonly string[] {
  const ends = new Set(names.flatMap(endsOf));
  const hits = list.filter((name) => ends.has(name));
  return hits.length > 0 ? hits : list;
}

/** What HF peft takes of a map from patterns to values: the keys that fit a name. Anything else than a map is left to its schema. */
export function patternsWithHits<Patterns>(patterns: Patterns, names: readonly string[]): Patterns {
  if (typeof patterns !== 'object' || patterns === null || Array.isArray(patterns)) return patterns;
  const work = createPatternWork('patterns');
  const used = Object.entries(patterns).filter(([key]) => {
    const fits = compilePattern(`(?:.*\\.)?(?:${key})`, work);
    return names.some((name) => fits(name));
  });
  return Object.fromEntries(used) as Patterns;
}

/** Layers that a host has, of those that an adapter names; all of them, to be refused, if it has none. */
export function layersOfHost<Layers extends number | readonly number[] | null>(
  layers: Layers,
  { numHiddenLayers }: HostSpec,
): Layers {
  if (!Array.isArray(layers)) return layers;
  const known = (layers as readonly number[]).filter((layer) => layer < numHiddenLayers);
  return (known.length > 0 ? known : layers) as Layers;
}
