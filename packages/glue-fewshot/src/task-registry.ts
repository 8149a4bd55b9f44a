import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import type { LoadedTask, MetricName, ReadOptions, TaskDefinition } from './task.js';

/** An immutable set of tasks; extending it gives a new one. */
export interface TaskRegistry {
  readonly tasks: ReadonlyMap<string, TaskDefinition>;
  /** Finds a task by name; case, `-` and `_` do not matter (`SST-2` is `sst2`). Errors: `UNKNOWN_TASK`. */
  get(name: string): TaskDefinition;
  /** A registry with more tasks. Errors: `TASK_DUPLICATE`. */
  with(...more: readonly TaskDefinition[]): TaskRegistry;
}

const normalise = (name: string) => name.toLowerCase().replace(/[-_]/g, '');

/** An open registry: pass the tasks you use, your own among them. Errors: `TASK_DUPLICATE`. */
export function createTaskRegistry(definitions: readonly TaskDefinition[]): TaskRegistry {
  const tasks = new Map<string, TaskDefinition>();
  const byKey = new Map<string, TaskDefinition>();
  for (const definition of definitions) {
    const other = byKey.get(normalise(definition.name));
    if (other)
      throw new PeftError('TASK_DUPLICATE', {
        found: `two tasks called "${other.name}" and "${definition.name}"`,
        expected: 'names that differ in more than case, "-" and "_"',
        fix: 'give one of them another name',
      });
    tasks.set(definition.name, definition);
    byKey.set(normalise(definition.name), definition);
  }
  return {
    tasks,
    get(name) {
      const task = byKey.get(normalise(name));
      if (task) return task;
      const close = nearMisses(name, tasks.keys());
      throw new PeftError('UNKNOWN_TASK', {
        found: `task "${name}"`,
        expected: `one of ${[...tasks.keys()].join(', ')}`,
        fix:
          close.length > 0
            ? `did you mean "${close[0]}"?`
            : 'name a known task, or a labelled file whose name ends in .csv, .tsv, .jsonl or .parquet',
      });
    },
    with: (...more) => createTaskRegistry([...tasks.values(), ...more]),
  };
}

/**
 * Reads a task's rows. Errors: `UNKNOWN_TASK`, and those of the readers: `TASK_DIRECTORY_MISSING`, `TASK_FILE_MISSING`,
 * `TASK_FILE_UNREADABLE`, `TASK_FILE_MALFORMED`, `TASK_COLUMN_MISSING`, `TASK_LABEL_UNKNOWN`, `TASK_TEXT_EMPTY`.
 */
export async function loadTask(registry: TaskRegistry, name: string, options: ReadOptions = {}): Promise<LoadedTask> {
  const task = registry.get(name);
  return { task, ...(await task.read(options)) };
}

/** One line of a task listing; plain JSON. */
export interface TaskDescription {
  readonly name: string;
  readonly title: string;
  readonly fields: readonly string[];
  /** Label names in order, the range of the scores, or how prompts are made. */
  readonly labels: readonly string[] | { readonly range: readonly [number, number] } | { readonly template: string };
  readonly metrics: readonly MetricName[];
  readonly headline: MetricName;
  readonly tests: readonly string[];
  readonly sizes?: TaskDefinition['sizes'];
  readonly origin: string;
}

/** What a listing shows of a task. */
export const describeTask = (task: TaskDefinition): TaskDescription => ({
  name: task.name,
  title: task.title,
  fields: task.fields,
  labels:
    task.output.kind === 'classes'
      ? task.output.labels
      : task.output.kind === 'text'
        ? { template: task.output.template }
        : { range: task.output.range },
  metrics: task.metrics,
  headline: task.headline,
  tests: task.tests,
  ...(task.sizes && { sizes: task.sizes }),
  origin: task.origin,
});
