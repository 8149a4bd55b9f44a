import { compilePattern } from '../compile-pattern.js';
import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import { endsOf } from '../match-targets.js';
import { isBareEncoder } from './base-class.js';
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

/** Modules of the head that HF's sequence classifier of a host has, by their whole names. */
export const headModules = ({ classifier }: HostSpec): readonly string[] => [
  classifier.output,
  ...(classifier.hidden ? [classifier.hidden.path] : []),
];

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
 * one, and only an adapter around the encoder alone sees it.
 */
export const meansPooler = (config: JsonObject, { classifier }: HostSpec): boolean =>
  classifier.readout === 'pooler' || isBareEncoder(config);
