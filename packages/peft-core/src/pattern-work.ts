import { bounds } from './bounds.js';
import { PeftError } from './errors.js';

/** Counts what patterns cost, compiled and tried: share one among all patterns of an entry. */
export interface PatternWork {
  /** Errors: `TARGET_PATTERNS_TOO_COSTLY` once the sum is above the bound. */
  spend(steps: number): void;
}

/** `what` names the entry in messages: `rankPattern`. */
export function createPatternWork(what: string, limit: number = bounds.patternWork): PatternWork {
  let spent = 0;
  return {
    spend(steps) {
      spent += steps;
      if (spent > limit)
        throw new PeftError('TARGET_PATTERNS_TOO_COSTLY', {
          found: `${what} that take more than ${limit} steps to try on the modules of this host`,
          expected: 'a few short patterns, or plain names',
          fix: 'do not use this file unless you know who made it; else name the modules instead of describing them',
        });
    },
  };
}
