import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { tinyExperiment, tinyPrefix, tinySubspace } from '../../packages/eval/test/tiny-experiment.js';

/** A folder to break things in: a tiny host, a tiny task, and the experiment on them that every command runs. */
export interface Prepared {
  readonly root: string;
  /** The file for `--config`. */
  readonly config: string;
}

export interface Size {
  readonly steps: number;
  readonly seeds: readonly number[];
}

/** Two trained methods, one of them a simplex, with a checkpoint every few steps; a second or two of work, most of it starting up. */
export async function prepare({ steps, seeds }: Size): Promise<Prepared> {
  const { root, config } = await tinyExperiment({
    methods: ['linear-probe', tinyPrefix, tinySubspace],
    train: { steps, batchSize: 8, evaluateEvery: { epochs: 0, minSteps: 10 }, checkpointEvery: 7, patience: null },
    seeds: { data: [...seeds], train: [0] },
  });
  const path = join(root, 'experiment.yaml');
  writeFileSync(path, stringify(config));
  return { root, config: path };
}
