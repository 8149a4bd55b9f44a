import { readTable, type TableOptions } from './read-table.js';
import type { TaskDefinition } from './task.js';
import { type TableTaskOptions, taskFromTable } from './task-from-table.js';

/** A labelled file: its columns and what is held out of it. */
export interface FileTaskOptions extends TableOptions, TableTaskOptions {
  /** A CSV, TSV, JSONL or Parquet file with labelled rows. */
  readonly file: string;
  /** A second file with the same columns. Without it, rows of `file` are held out. */
  readonly testFile?: string;
}

/** Makes a task of any labelled file. Errors: those of the readers and of {@link taskFromTable}. */
export async function taskFromFile(options: FileTaskOptions): Promise<TaskDefinition> {
  const { file, testFile } = options;
  const table = await readTable(file, options);
  return taskFromTable(table, options, testFile === undefined ? undefined : await readTable(testFile, options));
}
