import { PeftError } from './errors.js';
import { type NamedArrays, namespaceOf } from './parameters.js';
import type { BufferSpec, ParameterPlan } from './plan.js';

/**
 * Holds buffers of places to what they are: whole numbers within the tensor, ascending, each once. `where` is the file's name.
 * Errors: `PLACES_INVALID`.
 */
export function checkPlaces(arrays: NamedArrays, { buffers = [] }: ParameterPlan, where: string): void {
  for (const { name, places } of buffers) {
    const array = places && arrays.get(name);
    if (!array) continue;
    const problem = findMisplaced(array.data, places.size);
    if (problem)
      throw new PeftError('PLACES_INVALID', {
        found: `${where}: "${name}": ${problem}`,
        expected: `places in ${places.tensor}, which has ${places.size} entries, in ascending order and each once`,
        fix: 'load the files as they were saved, on a host of the size they were made for',
      });
  }
}

/** What is wrong with a list of places; undefined if nothing is. */
export function findMisplaced(data: ArrayLike<number>, size: number): string | undefined {
  for (let i = 0; i < data.length; i++) {
    const place = data[i]!;
    if (!(place >= 0 && place < size)) return `entry ${i} is ${place}, which is out of range`;
    if (i > 0 && place === data[i - 1]!) return `entry ${i} is ${place} a second time`;
    if (i > 0 && place < data[i - 1]!) return `entry ${i} is ${place} after ${data[i - 1]!}, so they are not sorted`;
  }
  return undefined;
}

/** Says which entries of a tensor two parts of a composition move: allowed, their increments are added. One sentence a pair of parts. */
export function findSharedPlaces(plans: readonly ParameterPlan[]): string[] {
  const byTensor = new Map<string, BufferSpec[]>();
  for (const buffer of plans.flatMap(({ buffers = [] }) => buffers))
    if (buffer.places) byTensor.set(buffer.places.tensor, [...(byTensor.get(buffer.places.tensor) ?? []), buffer]);
  const shared = new Map<string, { tensors: number; entries: number }>();
  for (const buffers of byTensor.values())
    for (const [index, first] of buffers.entries())
      for (const second of buffers.slice(index + 1)) {
        const pair = [first, second].map(({ name }) => `"${namespaceOf(name)}"`).join(' and ');
        const known = shared.get(pair) ?? { tensors: 0, entries: 0 };
        const entries = countCommon(first, second);
        if (entries !== 0)
          shared.set(pair, { tensors: known.tensors + 1, entries: known.entries + (entries ?? Number.NaN) });
      }
  return [...shared].map(([pair, { tensors, entries }]) =>
    Number.isNaN(entries)
      ? `${pair} choose entries of the same ${tensors} tensors: where they choose the same ones, their increments are added.`
      : `${pair} move the same ${entries} entries of ${tensors} tensors: their increments are added.`,
  );
}

/** Entries that both choose; undefined while one of them is not known. */
function countCommon({ initial: a }: BufferSpec, { initial: b }: BufferSpec): number | undefined {
  if (a.kind !== 'given' || b.kind !== 'given') return undefined;
  const known = new Set<number>(a.values);
  return [...b.values].filter((place) => known.has(place)).length;
}
