import type { Tensor } from '@tensorflow/tfjs';
import type { Subject } from './subject.js';

/** Nothing if the rule holds, or why it has no meaning for this method. A broken rule is thrown. */
export type CheckOutcome = void | `not applicable: ${string}`;

/** One rule that every method keeps. */
export interface ConformanceCheck {
  /** Of the file: `plan-is-pure`. */
  readonly name: string;
  /** One sentence, the title of the test. */
  readonly claim: string;
  /** Throws a `ConformanceFailure` where the method breaks the contract. */
  readonly run: (subject: Subject) => Promise<CheckOutcome>;
  /** Ways to break the rule: the check proves with each of them that it can fail. */
  readonly controls: readonly NegativeControl[];
}

/** A method broken on purpose, on which a check must fail: only then is its success worth something. */
export interface NegativeControl {
  /** What the broken method does: `allocates a tensor in its plan`. */
  readonly breaks: string;
  /**
   * The subject, broken. Null where this method cannot be broken so. Tensors that outlive their pass go to `leftOver`, which disposes them.
   */
  readonly apply: (subject: Subject, leftOver: (tensor: Tensor) => void) => Subject | null;
  /** What the check must say about it: failing for another reason proves nothing. */
  readonly fails: RegExp;
}
