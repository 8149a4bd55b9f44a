import { compilePattern } from '../compile-pattern.js';
import type { HostSpec } from '../host-spec.js';
import type { Json, JsonObject } from '../json/json.js';
import { matchNames, servesRole } from '../match-targets.js';
import { createPatternWork } from '../pattern-work.js';
import { isWeightSite, type WeightSite } from '../site-tensors.js';
import { meansPooler } from './hf-patterns.js';
import { hfSelector, type HfTargets } from './hf-targets.js';
import { hfPath, withoutBase } from './module-names.js';

/** A module under the names that two classes of HF give it. */
interface TwoNames {
  readonly site: WeightSite;
  readonly from: string;
  readonly to: string;
}

/**
 * A file's entries that name modules, for the names of HF's classifier, whatever class the file is for: what HF peft selects by them there is what
 * they select here. Modules that `modules_to_save` holds are no targets; keys of patterns that fit no target are left out. Entries of a wrong form
 * stay as they are, for their schema. `bare`: the file is for the encoder alone. Errors: those of {@link matchNames} and of {@link compilePattern}.
 */
export function asClassifierConfig(config: JsonObject, host: HostSpec, bare: boolean): JsonObject {
  const withPooler = meansPooler(config, host);
  const modules = host.sites
    .filter(isWeightSite)
    .filter((site) => withPooler || site.kind !== 'linear' || site.role !== 'pooler')
    .map((site) => ({ site, from: hfPath(host, site.path, bare), to: hfPath(host, site.path) }));
  return respell(config, modules, stringsOf(config['modules_to_save']));
}

/** The other way: entries for the names of HF's classifier, as the class of the encoder alone needs them. */
export function asBareConfig(config: JsonObject, host: HostSpec): JsonObject {
  const modules = host.sites
    .filter(isWeightSite)
    .map((site) => ({ site, from: hfPath(host, site.path), to: hfPath(host, site.path, true) }));
  const { trainable_token_indices: tokens } = config;
  return {
    ...respell(config, modules, []),
    ...(isObject(tokens) && {
      trainable_token_indices: Object.fromEntries(
        Object.entries(tokens).map(([name, rows]) => [withoutBase(name, host), rows]),
      ),
    }),
  };
}

function respell(config: JsonObject, modules: readonly TwoNames[], saved: readonly string[]): JsonObject {
  const targets = readTargets(config);
  if (!targets) return config;
  const selects = hfSelector({ ...targets, saved });
  const selected = modules.filter(({ from }) => selects(from));
  const moved = {
    ...targets,
    targets: respellNames(targets.targets, modules),
    exclude: respellNames(targets.exclude, modules),
  };
  const selectsMoved = hfSelector(moved);
  const isSame = selected.length === 0 || modules.every(({ from, to }) => selects(from) === selectsMoved(to));
  const entries: Record<string, Json> = isSame
    ? { target_modules: copied(moved.targets), exclude_modules: copied(moved.exclude) }
    : {
        target_modules: selected.map(({ to }) => to).sort(),
        exclude_modules: null,
        layers_to_transform: null,
        layers_pattern: null,
      };
  const { feedforward_modules: feedForward } = config;
  if (isNames(feedForward)) entries['feedforward_modules'] = copied(respellNames(feedForward, modules));
  const known = isSelective(targets.targets) ? selected : usualTargets(targets.targets, modules);
  for (const [key, patterns] of Object.entries(config))
    if (key.endsWith('_pattern') && isNumbers(patterns)) entries[key] = respellPatterns(key, patterns, known);
  return { ...config, ...Object.fromEntries(Object.entries(entries).filter(([key]) => Object.hasOwn(config, key))) };
}

/** Names and `all-linear` alone do not say what is meant. */
const isSelective = (targets: HfTargets['targets']): boolean => targets !== null && targets !== 'all-linear';

const usualTargets = (targets: HfTargets['targets'], modules: readonly TwoNames[]): readonly TwoNames[] =>
  modules.filter(
    ({ site }) =>
      site.kind === 'linear' && (targets !== null || servesRole(site, 'query') || servesRole(site, 'value')),
  );

/** Whole names in a list by their other names; an expression as it is if it fits the same, else as the list of what it fits. */
function respellNames(names: HfTargets['targets'], modules: readonly TwoNames[]): HfTargets['targets'] {
  if (names === null || names === 'all-linear') return names;
  if (typeof names !== 'string') {
    const other = new Map(modules.map(({ from, to }) => [from, to]));
    return names.map((name) => other.get(name) ?? name);
  }
  if (modules.every(({ from, to }) => from === to)) return names;
  const fits = matchNames(names);
  const isSame = modules.every(({ from, to }) => fits(from) === fits(to));
  const hits = modules.filter(({ from }) => fits(from)).map(({ to }) => to);
  return isSame ? names : hits.sort();
}

/** The patterns that fit a target; whole names instead where they would give other values under the other names. */
function respellPatterns(key: string, patterns: JsonObject, targets: readonly TwoNames[]): JsonObject {
  const work = createPatternWork(key);
  const entries = Object.entries(patterns).map(([pattern, value]) => ({
    pattern,
    value,
    fits: compilePattern(`(?:.*\\.)?(?:${pattern})`, work),
  }));
  const used = entries.filter(({ fits }) => targets.some(({ from }) => fits(from)));
  const firstAt = (name: string) => used.find(({ fits }) => fits(name));
  const isSame = targets.every(({ from, to }) => from === to || firstAt(from)?.value === firstAt(to)?.value);
  if (isSame) return Object.fromEntries(used.map(({ pattern, value }) => [pattern, value]));
  return Object.fromEntries(
    targets.flatMap(({ from, to }) => {
      const first = firstAt(from);
      return first ? [[to, first.value] as const] : [];
    }),
  );
}

/** Undefined for entries of another form. */
function readTargets(config: JsonObject): HfTargets | undefined {
  const {
    target_modules: targets = null,
    exclude_modules: exclude = null,
    layers_to_transform: layers = null,
    layers_pattern: layersPattern = null,
  } = config;
  const isLayers = layers === null || [layers].flat().every((layer) => Number.isInteger(layer));
  if (!isNames(targets) || !isNames(exclude) || !isNames(layersPattern) || !isLayers) return undefined;
  return {
    targets,
    exclude: exclude === '' ? null : exclude,
    layers: layers as number | number[] | null,
    layersPattern,
  };
}

const isNames = (value: Json | undefined): value is string | string[] | null =>
  value === null || typeof value === 'string' || (Array.isArray(value) && value.every((x) => typeof x === 'string'));

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A map from patterns to numbers: what AdaLoRA keeps under `rank_pattern` is none. */
const isNumbers = (value: Json | undefined): value is JsonObject =>
  isObject(value) && Object.values(value).every((entry) => typeof entry === 'number');

const copied = (names: HfTargets['targets']): Json =>
  names === null || typeof names === 'string' ? names : [...names];

/** The texts of an entry that is a list, or a text. */
const stringsOf = (entry: Json | undefined): string[] =>
  (Array.isArray(entry) ? entry : [entry]).filter((name) => typeof name === 'string');
