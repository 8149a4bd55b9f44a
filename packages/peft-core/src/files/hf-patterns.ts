import { compilePattern } from '../compile-pattern.js';
import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json.js';
import { canonicalJson } from './canonical-json.js';

/**
 * An entry of adapter_config.json that names modules: a list without the base model's name, with which HF peft writes whole paths
 * (`bert.encoder…`), or an expression as it is. Undefined if the entry is absent or null.
 * Errors: `CONFIG_INVALID`, `TARGET_PATTERN_INVALID`, `TARGET_PATTERN_TOO_LARGE`.
 */
export function readHfPatterns(
  config: JsonObject,
  key: string,
  { baseModelPrefix }: HostSpec,
): string | string[] | undefined {
  const value = config[key];
  if (value == null) return undefined;
  if (typeof value === 'string') {
    compilePattern(value);
    return value;
  }
  const base = `${baseModelPrefix}.`;
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string'))
    return (value as string[]).map((entry) => (entry.startsWith(base) ? entry.slice(base.length) : entry));
  throw new PeftError('CONFIG_INVALID', {
    found: `"${key}": ${canonicalJson(value)} in adapter_config.json`,
    expected: 'a list of module names or one regular expression',
  });
}
