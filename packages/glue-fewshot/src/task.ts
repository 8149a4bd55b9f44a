/** The metrics this package computes; all are reported x 100. */
export type MetricName = 'accuracy' | 'f1' | 'macro_f1' | 'matthews' | 'pearson' | 'spearman';

/** A classification task: label `i` is `labels[i]`. */
export interface ClassOutput {
  readonly kind: 'classes';
  readonly labels: readonly string[];
}

/** A regression task: raw scores within `range`, neither scaled nor clipped. */
export interface RegressionOutput {
  readonly kind: 'regression';
  readonly range: readonly [lowest: number, highest: number];
  /** Scores below it are class 0, the others class 1, wherever a protocol asks for classes (LM-BFF: 2.5 for STS-B). */
  readonly classBoundary: number;
}

/** One labelled example. */
export interface LabelledText {
  /** 0-based position in its own set (train, or one named test set). */
  readonly row: number;
  /** One text, or the two of a pair, as the file has them. */
  readonly texts: readonly string[];
  /** Class index, or the score of a regression task. */
  readonly label: number;
}

/** A named test set. MNLI has two, the other tasks one, called `test`. */
export interface TestSet {
  readonly name: string;
  readonly rows: readonly LabelledText[];
}

/** What a task's reader finds. */
export interface TaskRows {
  readonly train: readonly LabelledText[];
  /** The first test set is the one the headline refers to. */
  readonly tests: readonly TestSet[];
  /** True where a file is only a cut of the official set: fine for development, never for a reported number. */
  readonly subset: boolean;
  /** The files read. */
  readonly files: readonly string[];
  /** What a user should know: rows skipped, test sets not found. */
  readonly notes: readonly string[];
  /** What is probably a mistake in the data: labels that look alike, or like several in one. */
  readonly warnings?: readonly string[];
}

/** What to do with a row that has an empty text: stop (`error`), leave the row out (`drop`), or accept it (`keep`). */
export type EmptyTextPolicy = 'error' | 'drop' | 'keep';

/** Where a task's files are, and what to do with empty texts. */
export interface ReadOptions {
  /**
   * The folder that holds the task's folder (`SST-2/` or `sst2/`), that folder itself, or the one above. Embedded tasks and file tasks need
   * none.
   */
  readonly dataDirectory?: string;
  /** Overrides the task's own choice, which is `error` unless its official files contain empty texts. */
  readonly emptyText?: EmptyTextPolicy;
}

/** A task as plain data with its reader. Make your own and pass it to `createTaskRegistry`. */
export interface TaskDefinition {
  /** Lower case, no separators in the built-in ones: `sst2`. */
  readonly name: string;
  readonly title: string;
  /** Names of the text fields: one, or two for pairs. */
  readonly fields: readonly string[];
  readonly output: ClassOutput | RegressionOutput;
  /** All official metrics; each is recorded. */
  readonly metrics: readonly MetricName[];
  /** Chooses the checkpoint and enters averages. */
  readonly headline: MetricName;
  /** Names of the test sets, the headline's first. */
  readonly tests: readonly string[];
  /** Official sizes, where there are such. */
  readonly sizes?: { readonly train: number; readonly tests: readonly number[] };
  /** Where the rows come from, for people. */
  readonly origin: string;
  /** All rows of the task. Errors: `TASK_*`. */
  read(options: ReadOptions): Promise<TaskRows>;
}

/** A task with its rows. */
export interface LoadedTask extends TaskRows {
  readonly task: TaskDefinition;
}

/** Width of the readout a task needs: its number of classes, or 1 for regression. */
export const outputSize = ({ output }: Pick<TaskDefinition, 'output'>): number =>
  output.kind === 'classes' ? output.labels.length : 1;

/** The class a label counts as when a protocol balances or checks classes. */
export const classOf = (output: TaskDefinition['output'], label: number): number =>
  output.kind === 'classes' ? label : Number(label >= output.classBoundary);

/** Names of the classes `classOf` gives. */
export const classNames = (output: TaskDefinition['output']): readonly string[] =>
  output.kind === 'classes' ? output.labels : [`below ${output.classBoundary}`, `${output.classBoundary} and above`];
