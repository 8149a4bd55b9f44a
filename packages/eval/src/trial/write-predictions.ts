import { toLine } from '../run-folder/line-log.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import type { ItemRecords } from '../records/trial-records.js';
import { argmaxRows, roundNumber, softmax } from './softmax.js';
import type { SplitMetrics } from '../records/trial-summary.js';
import type { LabelTaskData, TestLogits } from './task-data.js';

/** What a test left: for summaries, for people and for analysis. */
export interface TestOutput {
  readonly name: string;
  readonly metrics: SplitMetrics;
  /** Of `predictions.jsonl`, one a row. */
  readonly lines: readonly string[];
  /** Logits of all rows, of a task of labels. */
  readonly items?: Omit<ItemRecords, 'rule'>;
}

/** `predictions.jsonl`: one line a test row, so that every test can be repeated later without the model. */
export const writePredictions = (path: string, outputs: readonly TestOutput[]): Promise<void> =>
  writeFileAtomically(path, outputs.flatMap(({ lines }) => lines).join(''));

/** The outputs as records, at the state that `rule` chose. */
export const itemsOf = (rule: string, outputs: readonly TestOutput[]): ItemRecords[] =>
  outputs.flatMap(({ items }) => (items ? [{ rule, ...items }] : []));

/** Logits of a test set as it is kept: which row, its label, what was predicted, logits and probabilities with six significant digits. */
export function describeLogits(data: LabelTaskData, tested: TestLogits): TestOutput {
  const { name, rows, logits, metrics } = tested;
  return {
    name,
    metrics,
    lines: predictionLines(data, tested),
    items: {
      split: name,
      rows: rows.map(({ row }) => row),
      labels: rows.map(({ label }) => label),
      logits,
      columns: rows.length === 0 ? 0 : logits.length / rows.length,
    },
  };
}

function predictionLines({ labels, regression }: LabelTaskData, { name, rows, logits }: TestLogits): string[] {
  const columns = labels.length;
  if (regression)
    return rows.map(({ row, label }, index) =>
      toLine({
        split: name,
        row,
        label,
        predicted: roundNumber(logits[index]!),
        logits: [roundNumber(logits[index]!)],
      }),
    );
  const probabilities = softmax(logits, columns);
  const predicted = argmaxRows(logits, columns);
  const numbers = (values: ArrayLike<number>, index: number) =>
    Array.from({ length: columns }, (_, column) => roundNumber(values[index * columns + column]!));
  return rows.map(({ row, label }, index) =>
    toLine({
      split: name,
      row,
      label: labels[label],
      predicted: labels[predicted[index]!],
      probabilities: numbers(probabilities, index),
      logits: numbers(logits, index),
    }),
  );
}
