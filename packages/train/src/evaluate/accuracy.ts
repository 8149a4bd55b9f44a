import type { ScoreFunction } from './score-logits.js';

/** The share of texts whose largest logit is that of their class, in [0, 1]; of equal logits the first counts. NaN for no texts. */
export const accuracy: ScoreFunction = (logits, targets) => {
  const labels = logits.length / targets.length;
  const right = targets.filter((target, text) => {
    const row = logits.subarray(text * labels, (text + 1) * labels);
    return row.indexOf(Math.max(...row)) === target;
  });
  const share = right.length / targets.length;
  return { headline: share, metrics: { accuracy: share } };
};
