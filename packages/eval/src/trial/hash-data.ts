import { createHash } from 'node:crypto';
import type { LoadedTask } from '@tfjs-peft/glue-fewshot';

/**
 * SHA-256, in hex, of the texts, labels and references of all rows of a task and of the names of its labels: the same for every data seed, K
 * and cap. Every set and row is delimited, so no two contents collide by joining.
 */
export function hashData({ task, train, tests }: Pick<LoadedTask, 'task' | 'train' | 'tests'>): string {
  const hash = createHash('sha256');
  const { output } = task;
  hash.update(`${JSON.stringify(output.kind === 'classes' ? [output.kind, output.labels] : [output.kind])}\n`);
  for (const { name, rows } of [{ name: 'train', rows: train }, ...tests]) {
    hash.update(`${JSON.stringify([name, rows.length])}\n`);
    for (const { texts, label, references } of rows)
      hash.update(`${JSON.stringify([texts, label, references ?? null])}\n`);
  }
  return hash.digest('hex');
}
