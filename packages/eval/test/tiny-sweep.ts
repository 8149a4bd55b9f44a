import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { GridConfigInput } from '@tfjs-peft/eval/grid';
import { tinyExperiment, tinyPrefix } from './tiny-experiment.js';

/** A grid of trials that take a moment each, as an object and as a file: a floor, a probe and a prefix on `seeds` splits. */
export async function tinySweep(changes: Partial<GridConfigInput> = {}, seeds: readonly number[] = [13, 21]) {
  const { config, root, out } = await tinyExperiment();
  const { shots, file, ...data } = config.data!;
  const grid: GridConfigInput = {
    version: 1,
    tasks: [{ task: 'file', file: file! }],
    shots: [shots!],
    models: [config.model as { name: string }],
    methods: ['majority', 'linear-probe', { ...tinyPrefix, name: 'A' }],
    data,
    train: config.train,
    seeds: { data: [...seeds], train: [0] },
    ...changes,
  };
  const path = join(root, 'grid.yaml');
  writeFileSync(path, stringify(grid));
  return { grid, path, root, out };
}
