/** Metrics of labels; all are reported x 100. */
export type LabelMetricName = 'accuracy' | 'f1' | 'macro_f1' | 'matthews' | 'pearson' | 'spearman';

/**
 * Metrics of texts, x 100 as well but for `perplexity` and `byte_perplexity`. `log_likelihood` is the mean natural logarithm of the probability of a token: a
 * difference of one point is about one per cent of perplexity.
 */
export type TextMetricName =
  | 'log_likelihood'
  | 'perplexity'
  | 'byte_perplexity'
  | 'rouge1'
  | 'rouge2'
  | 'rougeL'
  | 'bleu'
  | 'distinct1'
  | 'distinct2';

/** The metrics this package computes. */
export type MetricName = LabelMetricName | TextMetricName;

/** A classification task: label `i` is `labels[i]`. */
export interface ClassOutput {
  readonly kind: 'classes';
  readonly labels: readonly string[];
}

/** A regression task: raw scores within `range`, neither scaled nor clipped. */
export interface RegressionOutput {
  readonly kind: 'regression';
  readonly range: readonly [lowest: number, highest: number];
  /** Scores below it are class 0, the others class 1, wherever a protocol asks for classes (LM-BFF: 2.5 for STS-B; of a file, near the median). */
  readonly classBoundary: number;
}

/** A task whose answers are labels or scores. */
export type LabelOutput = ClassOutput | RegressionOutput;

/** A task whose answers are texts. */
export interface TextOutput {
  readonly kind: 'text';
  /** Makes a prompt of a row: `{field}` stands for a field. Empty: nothing is given, and the whole text is learned. */
  readonly template: string;
  /** A generated text ends before the first of these; the token that ends texts ends it in any case. */
  readonly stop?: readonly string[];
}

/** One example of a task. */
export interface LabelledText {
  /** 0-based position in its own set (train, or one named test set). */
  readonly row: number;
  /** One text, or the two of a pair, as the file has them; of a task of texts one for each field. */
  readonly texts: readonly string[];
  /** Class index, or the score of a regression task; 0 in a task of texts. */
  readonly label: number;
  /** Of a task of texts: the texts that would be right. The first one is learned from. */
  readonly references?: readonly string[];
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
  /** Rows of one group alone: a category, a domain, a person; see the task's `groups`. */
  readonly group?: string;
}

/** A task as plain data with its reader. Make your own and pass it to `createTaskRegistry`. */
export interface TaskDefinition {
  /** Lower case, no separators in the built-in ones: `sst2`. */
  readonly name: string;
  readonly title: string;
  /** Names of the text fields: one, or two for pairs; any number in a task of texts. */
  readonly fields: readonly string[];
  readonly output: LabelOutput | TextOutput;
  /** All official metrics; each is recorded. */
  readonly metrics: readonly MetricName[];
  /** Chooses the checkpoint and enters averages. */
  readonly headline: MetricName;
  /** Names of the test sets, the headline's first. */
  readonly tests: readonly string[];
  /** Official sizes, where there are such. */
  readonly sizes?: { readonly train: number; readonly tests: readonly number[] };
  /** What the groups are that `ReadOptions.group` chooses from: `category`, `persona`; absent where there are none. */
  readonly groups?: string;
  /** Where the rows come from, for people. */
  readonly origin: string;
  /** All rows of the task. Errors: `TASK_*`. */
  read(options: ReadOptions): Promise<TaskRows>;
}

/** A task with its rows. */
export interface LoadedTask extends TaskRows {
  readonly task: TaskDefinition;
}

/** Width of the readout a task needs: its number of classes, 1 for regression, 0 for texts. */
export const outputSize = ({ output }: Pick<TaskDefinition, 'output'>): number =>
  output.kind === 'classes' ? output.labels.length : output.kind === 'regression' ? 1 : 0;

/** The class a label counts as when a protocol balances or checks classes. */
export const classOf = (output: TaskDefinition['output'], label: number): number =>
  output.kind === 'regression' ? Number(label >= output.classBoundary) : label;

/** Names of the classes `classOf` gives; texts are all of one. */
export const classNames = (output: TaskDefinition['output']): readonly string[] =>
  output.kind === 'classes'
    ? output.labels
    : output.kind === 'text'
      ? ['text']
      : [`below ${output.classBoundary}`, `${output.classBoundary} and above`];
