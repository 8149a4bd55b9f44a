import { type HostSpec, sitesOfKind } from '@tfjs-peft/peft-core';
import { matchNames } from '@tfjs-peft/peft-core/authoring';
import { chooseGates, type Gate } from './choose-gates.js';
import type { Ia3Config } from './config.js';

/** `target_modules` and `feedforward_modules` of HF peft. */
export interface HfTargets {
  readonly targets: string | readonly string[];
  readonly feedForward: string | readonly string[];
  /** `exclude_modules`. */
  readonly exclude?: string | readonly string[];
}

/**
 * The gates that HF peft makes. A module is a target if the list holds its name or a dotted end of it, or the whole name matches the
 * expression; a target counts as feed-forward by the bare end of its name, dotted or not. Names there begin with that of the base model.
 */
export function hfGates(
  { targets, feedForward, exclude = [] }: HfTargets,
  host: HostSpec,
  pooler = true,
): ReadonlyMap<string, Gate['side']> {
  const isTarget = matchNames(targets);
  const isExcluded = matchNames(exclude);
  const isFeedForward =
    typeof feedForward === 'string'
      ? matchNames(feedForward)
      : (key: string) => feedForward.some((end) => key.endsWith(end));
  return new Map(
    sitesOfKind(host, 'linear').flatMap(({ path, role }) => {
      if (role === 'pooler' && !pooler) return [];
      const key = `${host.baseModelPrefix}.${path}`;
      return isTarget(key) && !isExcluded(key) ? [[path, isFeedForward(key) ? 'input' : 'output'] as const] : [];
    }),
  );
}

/** True if HF peft makes exactly these gates. */
export const agrees = (gates: readonly Gate[], hf: ReadonlyMap<string, Gate['side']>): boolean =>
  gates.length === hf.size && gates.every(({ site, side }) => hf.get(site.path) === side);

/**
 * How HF peft must be told of a configuration's gates: by its own lists where HF peft reads them alike, else by two regular expressions,
 * which alone can name `output.dense` of the feed-forward network without that of attention.
 */
export function writeHfTargets(config: Ia3Config, host: HostSpec): HfTargets {
  const gates = chooseGates(config, host);
  const pooler = host.classifier.readout === 'pooler' || gates.some(({ site }) => site.role === 'pooler');
  const { targets, feedForwardTargets } = config;
  if (Array.isArray(targets) && Array.isArray(feedForwardTargets)) {
    const lists = { targets: sorted([...targets, ...feedForwardTargets]), feedForward: sorted(feedForwardTargets) };
    if (agrees(gates, hfGates(lists, host, pooler))) return lists;
  }
  return {
    targets: expressionFor(gates, host),
    feedForward: expressionFor(
      gates.filter(({ side }) => side === 'input'),
      host,
    ),
  };
}

const sorted = (names: readonly string[]) => [...new Set(names)].sort();

/** One expression for exactly these paths, with and without the name of the base model before them; layers as `\d+` where all are meant. */
function expressionFor(gates: readonly Gate[], host: HostSpec): string | readonly string[] {
  const layersOf = new Map<string, string[]>();
  for (const { site } of gates) {
    const layer = String(site.layer ?? '');
    const parts = site.path.split('.');
    // A path of layers that groups share has two numbers: such paths are named one by one.
    const isNumbered = parts.filter((part) => /^\d+$/.test(part)).length === 1;
    const template = parts.map((part) => (isNumbered && part === layer ? layerMark : escaped(part)));
    const key = template.join('\\.');
    layersOf.set(key, [...(layersOf.get(key) ?? []), layer]);
  }
  const parts = [...layersOf].map(([template, layers]) =>
    template.replace(layerMark, layers.length === host.numHiddenLayers ? '\\d+' : `(${layers.join('|')})`),
  );
  return parts.length === 0 ? [] : `(.*\\.)?(${parts.join('|')})`;
}

const layerMark = '<layer>';
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
