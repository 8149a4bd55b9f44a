import { type HostSpec, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { matchNames, parseConfig } from '@tfjs-peft/peft-core/authoring';
import { type JsonObject, readHfPatterns } from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import type { shiraConfig } from './config.js';

/** The entries of adapter_config.json that SHiRA reads, with HF peft's defaults; the loader judges all others. */
const hfShiraConfig = z.looseObject({
  r: z.int().min(1).default(32),
  mask_type: z.string().default('random'),
  fan_in_fan_out: z.boolean().nullish(),
});

/**
 * HF peft's entries as ours. The places stand in the file, so that the mask that chose them has no effect on a loaded adapter, whatever its type.
 * Errors: `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED`, `TARGET_UNMATCHED`.
 */
export function readHfShiraConfig(config: JsonObject, host: HostSpec): z.input<typeof shiraConfig> {
  const { r, mask_type: maskType, fan_in_fan_out: flipped } = parseConfig(hfShiraConfig, config, 'adapter_config.json');
  if (flipped)
    throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
      found: '"fan_in_fan_out": true in adapter_config.json',
      expected: 'false: the affine maps of encoders are ordinary ones',
      fix: 'set it to false if the adapter is for this kind of host',
    });
  const targets = readHfPatterns(config, 'target_modules', host);
  const exclude = readHfPatterns(config, 'exclude_modules', host) ?? [];
  if (targets === undefined)
    throw new PeftError('CONFIG_INVALID', {
      found: 'no "target_modules" in adapter_config.json',
      expected: '["query", "value"] for example: HF peft has no usual ones for encoders',
      fix: 'get the complete file; HF peft always writes them',
    });
  if (targets !== 'all-linear' && typeof targets !== 'string' && exclude.length === 0)
    return { rank: r, maskType, targets };
  const [isTarget, isExcluded] = [targets === 'all-linear' ? () => true : matchNames(targets), matchNames(exclude)];
  const paths = sitesOfKind(host, 'linear').flatMap(({ path }) => {
    const name = `${host.baseModelPrefix}.${path}`;
    return isTarget(name) && !isExcluded(name) ? [path] : [];
  });
  if (paths.length > 0) return { rank: r, maskType, targets: paths };
  throw new PeftError('TARGET_UNMATCHED', {
    found: `"target_modules" in adapter_config.json select no affine map of host "${host.name}"`,
    expected: `paths such as ${host.baseModelPrefix}.${sitesOfKind(host, 'linear')[0]?.path ?? '(none)'}`,
    fix: 'load the adapter on the host it was trained for',
  });
}

/** Names that HF peft takes for exactly these modules: last parts of their paths if those do, else whole paths. */
export function writeHfTargets(paths: readonly string[], host: HostSpec): string[] {
  const lastParts = [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))];
  const meant = sitesOfKind(host, 'linear').filter(({ path }) => matchNames(lastParts)(path));
  const names = meant.length === paths.length ? lastParts : paths.map((path) => `${host.baseModelPrefix}.${path}`);
  return [...names].sort();
}
