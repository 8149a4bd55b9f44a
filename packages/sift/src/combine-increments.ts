import { type HostSpec, type NamedArray, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  chooseStrategy,
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  floatsOf,
  isWeightSite,
  tensorsOfSite,
} from '@tfjs-peft/peft-core/authoring';
import type { ChosenEntries } from './config.js';
import type { Placed } from './increment.js';

/**
 * The weighted sum of increments (`linear`, the only strategy). The members may have chosen other entries: the result has those of all, the sum where
 * several have the same. Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`.
 */
export function combineIncrements(
  members: readonly CombineMember[],
  options: CombineOptions,
  host: HostSpec,
  placedBy: (method: PeftMethod, host: HostSpec) => readonly Placed[],
  create: (chosen: ChosenEntries) => PeftMethod,
): CombinedMethod {
  chooseStrategy(options, ['linear'], members[0]!.method.type);
  const sums = new Map<string, Map<number, number>>();
  for (const { method, effective, weight } of members)
    for (const { tensor, values, indices } of placedBy(method, host)) {
      const sum = sums.get(tensor) ?? new Map<number, number>();
      const increments = floatsOf(effective.get(values)!);
      effective.get(indices)!.data.forEach((place, entry) => {
        sum.set(place, (sum.get(place) ?? 0) + weight * increments[entry]!);
      });
      sums.set(tensor, sum);
    }
  const shapes = new Map(
    host.sites
      .filter(isWeightSite)
      .flatMap(tensorsOfSite)
      .map(({ path, shape }) => [path, shape]),
  );
  const chosen = Object.fromEntries(
    [...sums].map(([tensor, sum]) => [tensor, { count: sum.size, shape: [...shapes.get(tensor)!] }]),
  );
  const method = create(chosen);
  const effective = new Map<string, NamedArray>();
  for (const { tensor, values, indices } of placedBy(method, host)) {
    const entries = [...sums.get(tensor)!].sort(([a], [b]) => a - b);
    const shape = [entries.length];
    effective.set(values, { shape, data: Float32Array.from(entries, ([, value]) => value) });
    effective.set(indices, { shape, data: Int32Array.from(entries, ([place]) => place) });
  }
  return { method, effective };
}
