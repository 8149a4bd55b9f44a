import type { TaskColumns } from '@tfjs-peft/eval';

/** Options that say how the file of a task is read. */
export interface TaskFileOptions {
  readonly textColumn: string;
  readonly textPairColumn?: string;
  readonly labelColumn: string;
  readonly columnNames?: readonly string[];
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly quotedTsv?: boolean;
  readonly maxLabels?: number;
}

/** The same under the names of the API. */
export const columnsOf = (options: TaskFileOptions): TaskColumns => ({
  textColumn: options.textColumn,
  labelColumn: options.labelColumn,
  ...(options.textPairColumn !== undefined && { textPairColumn: options.textPairColumn }),
  ...(options.columnNames && { columnNames: options.columnNames }),
  ...(options.delimiter !== undefined && { delimiter: options.delimiter }),
  ...(options.encoding !== undefined && { encoding: options.encoding }),
  ...(options.quotedTsv && { quotedTsv: true }),
  ...(options.maxLabels !== undefined && { maxLabels: options.maxLabels }),
});
