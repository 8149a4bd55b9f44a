import type { RunRecord } from './run-record.js';
import { presetRate, ratesOf } from './settings.js';

/** A try as far as the choice needs it. */
export interface Try {
  readonly rate: number;
  /** Headline on the development set, x 100; undefined for a failed run. */
  readonly dev: number | undefined;
}

/**
 * The rate with the best development score; of equals the one nearest to `preset` (in ratio), and of two as near the lower.
 * Undefined if every try failed.
 */
export function chooseRate(tries: readonly Try[], preset: number): number | undefined {
  const distance = (rate: number) => Math.round(1000 * Math.abs(Math.log(rate / preset)));
  const [best] = tries
    .filter(({ dev }) => dev !== undefined)
    .sort((a, b) => b.dev! - a.dev! || distance(a.rate) - distance(b.rate) || a.rate - b.rate);
  return best?.rate;
}

/** The rate of a method on a task, chosen among the tries of the settings; undefined before any of them is there. */
export const chosenRate = (runs: readonly RunRecord[], task: string, method: string): number | undefined =>
  chooseRate(
    runs
      .filter((run) => run.part === 'search' && run.task === task && run.method === method)
      .filter(({ rate }) => rate !== null && ratesOf(method).includes(rate))
      .map(({ rate, dev }) => ({ rate: rate!, dev: dev ?? undefined })),
    presetRate(method),
  );
