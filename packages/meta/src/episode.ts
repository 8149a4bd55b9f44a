import type { TextBatch } from '@tfjs-peft/train';

/** One small task as meta-learning meets it: texts to adapt to, and others that say how well that went. */
export interface Episode<Targets> {
  /** Of the task. */
  readonly name: string;
  /** Classes of this task in the order of the targets; absent where all tasks share one question. */
  readonly labels?: readonly string[];
  readonly support: TextBatch<Targets>;
  /** Disjoint from the support. */
  readonly query: TextBatch<Targets>;
}

/** The episodes of one update: what a batch of texts is elsewhere. */
export type Episodes<Targets> = readonly Episode<Targets>[];
