import type { TrainConfig } from './train-config.js';

/** The best evaluated state so far. */
export interface Best {
  readonly step: number;
  readonly headline: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What decides about checkpoint choice and early stopping. */
export interface Selection {
  readonly best: Best | null;
  /** Evaluations since the best one. */
  readonly waited: number;
}

export const noSelection: Selection = { best: null, waited: 0 };

/** A state is the new best only if it is strictly better; the first one always is. */
export const select = (selection: Selection, candidate: Best, tieBreak: TrainConfig['tieBreak']): Selection =>
  selection.best === null || isBetter(candidate, selection.best, tieBreak)
    ? { best: candidate, waited: 0 }
    : { best: selection.best, waited: selection.waited + 1 };

export const isExhausted = ({ waited }: Selection, { patience }: Pick<TrainConfig, 'patience'>): boolean =>
  patience !== null && waited >= patience;

function isBetter(a: Best, b: Best, tieBreak: TrainConfig['tieBreak']): boolean {
  const [better, worse] = [comparable(a.headline), comparable(b.headline)];
  return better > worse || (better === worse && tieBreak === 'loss' && a.loss < b.loss);
}

/** A metric that is not defined is worse than any that is. */
const comparable = (headline: number) => (Number.isNaN(headline) ? -Infinity : headline);
