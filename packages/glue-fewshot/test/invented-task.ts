import type { LoadedTask, TaskDefinition } from '../src/task.js';

/** A task of invented rows whose labels are given. */
export function inventedTask(
  labels: readonly number[],
  { testLabels = [0, 1], ...changes }: Partial<TaskDefinition> & { testLabels?: readonly number[] } = {},
): LoadedTask {
  const rows = (set: string, values: readonly number[]) =>
    values.map((label, row) => ({ row, texts: [`${set} text ${row}`], label }));
  const task: TaskDefinition = {
    name: 'invented',
    title: 'invented rows',
    fields: ['text'],
    output: { kind: 'classes', labels: ['no', 'yes'] },
    metrics: ['accuracy'],
    headline: 'accuracy',
    tests: ['test'],
    origin: 'nowhere',
    read: () => Promise.reject(new Error('has no files')),
    ...changes,
  };
  return {
    task,
    train: rows('train', labels),
    tests: [{ name: 'test', rows: rows('test', testLabels) }],
    subset: false,
    files: [],
    notes: [],
  };
}
