import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';

/**
 * A module's name in HF's classifier, `bert.encoder.layer.0.attention.self.query`; in the class of the encoder alone, whose names do not begin with
 * that of the base model, if `bare`.
 */
export const hfPath = (host: HostSpec, path: string, bare = false): string =>
  bare ? path : `${host.baseModelPrefix}.${path}`;

/** The name of a module, or of what holds modules, without that of the base model. */
export const withoutBase = (name: string, { baseModelPrefix }: HostSpec): string =>
  name.startsWith(`${baseModelPrefix}.`) ? name.slice(baseModelPrefix.length + 1) : name;

/** Whether a module is one of `modules_to_save` or below one: entries are whole segments of its name, anywhere in it. */
export function savedSelector(saved: readonly string[]): (name: string) => boolean {
  const entries = new Set(saved);
  if (entries.size === 0) return () => false;
  return (name) => {
    const segments = name.split('.');
    return segments.some((_, start) =>
      segments.some((_, last) => last >= start && entries.has(segments.slice(start, last + 1).join('.'))),
    );
  };
}

/** Modules of the head that HF's sequence classifier of a host has, by their whole names. */
export const headModules = ({ classifier }: HostSpec): readonly string[] => [
  classifier.output,
  ...(classifier.hidden ? [classifier.hidden.path] : []),
];

/**
 * Whether a configuration names modules. Only then is `respell-config.js` loaded, which reads patterns: a page with prefixes alone does without.
 */
export const namesModules = (config: JsonObject): boolean =>
  Object.entries(config).some(
    ([key, value]) => value != null && (/_(modules|pattern)$/.test(key) || key === 'trainable_token_indices'),
  );
