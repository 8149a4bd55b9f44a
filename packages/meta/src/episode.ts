import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
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

/** A text as a key: the same tokens, the same text. */
export const keyOfText = ({ inputIds, tokenTypeIds }: EncodedText): string =>
  `${inputIds.join()} ${tokenTypeIds.join()}`;

/** Errors: `EPISODE_OVERLAPS` for a text that is learned from and judged by. */
export function requireDisjoint<Targets>({ name, support, query }: Episode<Targets>): void {
  const seen = new Set(support.texts.map(keyOfText));
  const shared = query.texts.filter((text) => seen.has(keyOfText(text))).length;
  if (shared === 0) return;
  throw new PeftError('EPISODE_OVERLAPS', {
    found: `${shared} of the ${query.texts.length} texts that task "${name}" is judged by are among those that it is learned from`,
    expected: 'support and query without a common text',
    fix: 'take repeated texts out before the two are drawn',
  });
}
