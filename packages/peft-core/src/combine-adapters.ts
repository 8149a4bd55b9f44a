import type { Adapter } from './adapter.js';
import { compose } from './compose.js';
import { nearMisses, PeftError } from './errors.js';
import { isHead } from './head.js';
import type { HostSpec } from './host-spec.js';
import type { CombineOptions, PeftMethod } from './method.js';
import { type NamedArrays, namespaceOf, toParameters } from './parameters.js';
import { readFolded } from './read-folded.js';
import { leavesOf } from './select-parts.js';

/** An adapter and its share in a combination. */
export interface WeightedAdapter {
  readonly adapter: Adapter;
  readonly weight: number;
}

/** How parts and heads become one. */
export interface CombineAdaptersOptions {
  /** How to combine the parts of each type: `{ LORA: { strategy: 'ties', density: 0.3 } }`. */
  readonly byType?: Readonly<Record<string, CombineOptions>>;
  /** `average`: the weighted mean, for the same labels; `keep`: that of the first adapter; `drop`: none. */
  readonly head?: 'average' | 'keep' | 'drop';
}

/**
 * One adapter from several on the same host: each part by the rule of its own method, heads by a policy. A simplex counts as its midpoint.
 * The result's tensors are new; the caller disposes them.
 * Errors: `COMBINE_MISMATCH` (other hosts, parts or shapes), `COMBINE_UNSUPPORTED` (a method without a combination),
 * `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID` (a weight that is no finite number, a type in `byType` that no part has, weights with the
 * sum zero where a mean is taken).
 */
export async function combineAdapters(
  members: readonly WeightedAdapter[],
  host: HostSpec,
  { byType = {}, head = 'average' }: CombineAdaptersOptions = {},
): Promise<Adapter> {
  if (members.length === 0) throw mismatch('no adapters', 'at least one');
  requireFinite(members.map(({ weight }) => weight));
  const stranger = members.find(({ adapter }) => adapter.hostFingerprint !== host.fingerprint);
  if (stranger)
    throw mismatch(
      `an adapter for the host ${stranger.adapter.hostFingerprint.slice(0, 12)}…`,
      `adapters for ${host.name} (${host.fingerprint.slice(0, 12)}…)`,
    );
  const folded = await Promise.all(members.map(({ adapter }) => readFolded(adapter)));
  const all = folded.map(({ method }) => leavesOf(method));
  requireKnownTypes(Object.keys(byType), [...new Set(all.flat().map(({ type }) => type))]);
  const leaves = all.map((parts) => parts.filter((part) => head !== 'drop' || !isHead(part)));
  requireSameParts(leaves);
  const combined = leaves[0]!.map((part, index) => {
    const own = (member: number) => select(folded[member]!.arrays, leaves[member]![index]!);
    if (isHead(part) && head === 'keep') return { method: part as PeftMethod, effective: own(0) };
    if (!part.combine)
      throw new PeftError('COMBINE_UNSUPPORTED', {
        found: `a part of type ${part.type}, for which no combination is defined`,
        expected: 'parts that can be combined',
        fix: `take it out first: selectParts(adapter, […]) without "${part.namespaces.join(', ')}"`,
      });
    return part.combine(
      members.map(({ weight }, member) => ({ method: leaves[member]![index]!, effective: own(member), weight })),
      byType[part.type] ?? {},
      host,
    );
  });
  const method = combined.length === 1 ? combined[0]!.method : compose(...combined.map((part) => part.method));
  const effective = toParameters(new Map(combined.flatMap((part) => [...part.effective])));
  return { method, effective, hostFingerprint: host.fingerprint };
}

const select = (arrays: NamedArrays, { namespaces }: PeftMethod): NamedArrays =>
  new Map([...arrays].filter(([name]) => namespaces.includes(namespaceOf(name))));

function requireFinite(weights: readonly number[]): void {
  const wrong = weights.find((weight) => !Number.isFinite(weight));
  if (wrong === undefined) return;
  throw new PeftError('COMBINE_OPTION_INVALID', { found: `weight ${wrong}`, expected: 'finite numbers' });
}

function requireKnownTypes(wanted: readonly string[], known: readonly string[]): void {
  const stranger = wanted.find((type) => !known.includes(type));
  if (stranger === undefined) return;
  const [close] = nearMisses(stranger, known, 1);
  throw new PeftError('COMBINE_OPTION_INVALID', {
    found: `byType: options for "${stranger}", a type that no part of the adapters has`,
    expected: `one of ${known.join(', ')}`,
    fix: close === undefined ? 'take them out' : `did you mean "${close}"?`,
  });
}

function requireSameParts(leaves: readonly (readonly PeftMethod[])[]): void {
  const described = leaves.map((parts) =>
    parts.map(({ type, namespaces }) => `${type} "${namespaces.join()}"`).join(' + '),
  );
  const other = described.find((text) => text !== described[0]);
  if (other !== undefined)
    throw mismatch(`an adapter of ${described[0]} and one of ${other}`, 'the same parts in the same order');
}

const mismatch = (found: string, expected: string) =>
  new PeftError('COMBINE_MISMATCH', {
    found,
    expected,
    fix: 'combine adapters that were trained with the same methods on the same host',
  });
