import { compilePattern } from '../compile-pattern.js';
import { nearMisses, PeftError } from '../errors.js';
import type { HostSpec, Site } from '../host-spec.js';
import { endsOf, matchNames } from '../match-targets.js';
import { createPatternWork } from '../pattern-work.js';
import { hfPath, savedSelector } from './module-names.js';

/** The entries of adapter_config.json that say at which modules a method acts. */
export interface HfTargets {
  /** `target_modules`: names or dotted ends of them, or one expression for whole names. */
  readonly targets: string | readonly string[] | null;
  /** `exclude_modules`, by the same rules. */
  readonly exclude: string | readonly string[] | null;
  /** `layers_to_transform`. */
  readonly layers: number | readonly number[] | null;
  /** `layers_pattern`. */
  readonly layersPattern: string | readonly string[] | null;
  /** `modules_to_save`: what these hold is no target. */
  readonly saved?: readonly string[];
}

/** What HF peft would do with these entries of adapter_config.json at a module, by its name. Errors: those of {@link matchNames}. */
export function hfSelector({ targets, exclude, layers, layersPattern, saved }: HfTargets): (name: string) => boolean {
  const isSaved = savedSelector(saved ?? []);
  const isExcluded = exclude !== null && exclude.length > 0 ? matchNames(exclude) : () => false;
  const isTarget = targets === null ? () => false : matchNames(targets);
  const whole = new Set(Array.isArray(targets) ? targets : []);
  const layerAt = layerFinder({ layersPattern });
  return (name) => {
    if (isExcluded(name) || isSaved(name) || !isTarget(name)) return false;
    return typeof targets === 'string' || whole.has(name) || isInLayers({ layers }, layerAt(name));
  };
}

/** The layers as a list; empty if all are meant. */
export const layerList = ({ layers }: Pick<HfTargets, 'layers'>): readonly number[] =>
  layers === null ? [] : typeof layers === 'number' ? [layers] : layers;

/** Whether a layer is meant; undefined is a module outside the layers. */
export const isInLayers = (targets: Pick<HfTargets, 'layers'>, layer: number | undefined): boolean => {
  const layers = layerList(targets);
  return layers.length === 0 || (layer !== undefined && layers.includes(layer));
};

/** Finds the layer of a module by its name: the number behind the first two segments or more that have one, or behind what `layersPattern` names. */
export function layerFinder({ layersPattern }: Pick<HfTargets, 'layersPattern'>): (name: string) => number | undefined {
  const patterns = patternList(layersPattern).filter((pattern) => pattern !== '');
  const work = createPatternWork('layersPattern');
  const isList =
    patterns.length > 0
      ? patterns.map((pattern) => compilePattern(`.*\\.(?:${pattern})`, work))
      : [(before: string) => before.includes('.')];
  return (name) => {
    const segments = name.split('.');
    const numbers = segments
      .map((segment, index) => ({
        segment,
        before: segments.slice(0, index).join('.'),
        isLast: index === segments.length - 1,
      }))
      .filter(({ segment, isLast }) => /^\d+$/.test(segment) && !isLast);
    const found = isList.map((test) => numbers.find(({ before }) => test(before))).find((number) => number);
    return found && Number(found.segment);
  };
}

const patternList = (patterns: string | readonly string[] | null): readonly string[] =>
  patterns === null ? [] : typeof patterns === 'string' ? [patterns] : patterns;

/**
 * How HF peft must be told of the modules at `paths`: by the entries themselves where it reads them alike, else by whole names. Modules other
 * than `modules` do not count. Targets that are null are spelt by the last parts of the paths.
 */
export function spellHfTargets(
  targets: HfTargets,
  paths: readonly string[],
  modules: readonly Site[],
  host: HostSpec,
): HfTargets {
  const wanted = new Set(paths.map((path) => hfPath(host, path)));
  const whole = [...wanted].sort();
  const usual = [...new Set(whole.map((path) => path.slice(path.lastIndexOf('.') + 1)))].sort();
  const spelling: HfTargets = { ...targets, targets: targets.targets ?? usual };
  // HF peft refuses a regular expression together with layers.
  const impossible =
    typeof spelling.targets === 'string' && (targets.layers !== null || targets.layersPattern !== null);
  const selects = hfSelector(spelling);
  const same = modules.every(({ path }) => {
    const name = hfPath(host, path);
    return selects(name) === wanted.has(name);
  });
  return same && !impossible ? spelling : { targets: whole, exclude: null, layers: null, layersPattern: null };
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
