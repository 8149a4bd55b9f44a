import type { TextBatch } from '@tfjs-peft/train';

/** The targets of some rows of a batch: `rowsOfList` where targets are a list. */
export type TargetRows<Targets> = (targets: Targets, rows: readonly number[]) => Targets;

/** One target a text. */
export const rowsOfList = <Target>(targets: readonly Target[], rows: readonly number[]): readonly Target[] =>
  rows.map((row) => targets[row]!);

export const rowsOfTexts = <Targets>(
  { texts, targets }: TextBatch<Targets>,
  rows: readonly number[],
  pick: TargetRows<Targets>,
): TextBatch<Targets> => ({ texts: rows.map((row) => texts[row]!), targets: pick(targets, rows) });
