/** Runs of one setting. */
export interface RunGroup<Result> {
  /** Its values in the columns. */
  readonly cells: readonly string[];
  readonly own: readonly Result[];
}

/**
 * Runs by their whole setting, so that no table averages what was computed differently: those in `keys`, and those in `others`, which are columns where they
 * differ.
 */
export function groupRuns<Result, Key extends keyof Result & string>(
  results: readonly Result[],
  keys: readonly Key[],
  others: readonly Key[],
): { readonly columns: readonly Key[]; readonly groups: readonly RunGroup<Result>[] } {
  const differs = (key: Key) => new Set(results.map((result) => result[key])).size > 1;
  const columns = [...keys, ...others.filter(differs)];
  const groups = new Map<string, { readonly cells: string[]; readonly own: Result[] }>();
  for (const result of results) {
    const cells = columns.map((key) => String(result[key]));
    const name = JSON.stringify(cells);
    const group = groups.get(name) ?? { cells, own: [] };
    groups.set(name, group);
    group.own.push(result);
  }
  return { columns, groups: [...groups.values()] };
}
