import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The finished runs of a grid in a file, a JSON line each, so that the grid can be stopped and continued. `keyOf` says which run it was. */
export function finishedRuns<Run, Result extends Run>(file: string, keyOf: (run: Run) => string) {
  const results: Result[] = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Result)
    : [];
  return {
    results: results as readonly Result[],
    /** Those that are still to be run. */
    left(runs: readonly Run[]): Run[] {
      const known = new Set(results.map(keyOf));
      return runs.filter((run) => !known.has(keyOf(run)));
    },
    add(result: Result): void {
      mkdirSync(dirname(file), { recursive: true });
      appendFileSync(file, `${JSON.stringify(result)}\n`);
      results.push(result);
    },
  };
}
