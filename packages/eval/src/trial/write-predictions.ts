import { toLine } from '../run-folder/line-log.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import type { ItemRecords } from '../records/trial-records.js';
import { argmaxRows, roundNumber, softmax } from './softmax.js';
import type { TaskData, TestOutput } from './task-data.js';

/**
 * One line a test row: which row, its label, what was predicted, logits and probabilities with six significant digits, so that every test
 * can be repeated later without the model.
 */
export const writePredictions = (path: string, data: TaskData, outputs: readonly TestOutput[]): Promise<void> =>
  writeFileAtomically(path, outputs.flatMap((output) => predictionLines(data, output)).join(''));

function predictionLines({ labels, regression }: TaskData, { name, rows, logits }: TestOutput): string[] {
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

/** The same outputs as records, at the state that `rule` chose. */
export const itemsOf = (rule: string, outputs: readonly TestOutput[]): ItemRecords[] =>
  outputs.map(({ name, rows, logits }) => ({
    rule,
    split: name,
    rows: rows.map(({ row }) => row),
    labels: rows.map(({ label }) => label),
    logits,
    columns: rows.length === 0 ? 0 : logits.length / rows.length,
  }));
