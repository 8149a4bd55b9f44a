import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import type { GridConfig, GridMethod } from './grid-config.js';

/** One try of a method: its entry with the values set. */
export interface Try {
  readonly method: string;
  /** `name_value_value`, unique within the grid. */
  readonly name: string;
  readonly values: JsonObject;
  readonly entry: GridMethod;
}

/**
 * The tries of a method: all combinations of its space, or the grid's factors of its learning rate. Errors: `SEARCH_UNEQUAL` unless they are
 * as many as the budget of all methods: who tries more wins more.
 */
export function listTries(
  method: GridMethod,
  rate: number | undefined,
  search: NonNullable<GridConfig['search']>,
): Try[] {
  const rounded = (factor: number) => Number((factor * rate!).toPrecision(3));
  const space: Readonly<Record<string, readonly unknown[]>> =
    method.search ??
    (search.rateFactors && rate !== undefined ? { 'train.learningRate': search.rateFactors.map(rounded) } : {});
  const combinations = Object.entries(space).reduce<[string, unknown][][]>(
    (all, [path, values]) =>
      all.flatMap((chosen) => values.map((value): [string, unknown][] => [...chosen, [path, value]])),
    [[]],
  );
  if (combinations.length !== search.budget)
    throw new PeftError('SEARCH_UNEQUAL', {
      found: `${combinations.length} tries of "${method.name}"`,
      expected: `${search.budget} for each method (search.budget)`,
      fix: 'give its `search` as many combinations, or `search.rateFactors` as many factors',
    });
  const { search: _, ...plain } = method;
  const names = combinations.map((chosen) => [method.name, ...chosen.map(([, value]) => label(value))].join('_'));
  const isName = (name: string) => name.length <= longestName && names.filter((other) => other === name).length === 1;
  return combinations.map((chosen, index) => ({
    method: method.name,
    // Values that are too long to name, or look alike, have a number.
    name: isName(names[index]!) ? names[index]! : `${names[index]!.slice(0, longestName - 5)}_${index + 1}`,
    values: Object.fromEntries(chosen) as JsonObject,
    entry: chosen.reduce<GridMethod>(
      (entry, [path, value]) =>
        setAt(entry as unknown as JsonObject, path.split('.'), value as Json) as unknown as GridMethod,
      plain,
    ),
  }));
}

const longestName = 64;

const label = (value: unknown) =>
  String(typeof value === 'object' ? JSON.stringify(value) : value).replace(/[^A-Za-z0-9_.-]+/g, '-');

function setAt(object: JsonObject, [key, ...rest]: readonly string[], value: Json): JsonObject {
  const below = object[key!];
  return { ...object, [key!]: rest.length === 0 ? value : setAt(isJsonObject(below) ? below : {}, rest, value) };
}

/** The try with the best development result; of equals the first. One without a finite result failed; undefined if every one did. */
export function chooseTry(tries: readonly Try[], dev: (name: string) => number | undefined): Try | undefined {
  let best: { readonly one: Try; readonly value: number } | undefined;
  for (const one of tries) {
    const value = dev(one.name);
    if (value !== undefined && Number.isFinite(value) && (best === undefined || value > best.value))
      best = { one, value };
  }
  return best?.one;
}
