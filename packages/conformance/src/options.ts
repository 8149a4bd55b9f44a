import type { Host, HostSpec, PeftMethod } from '@tfjs-peft/peft-core';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';

/** Makes the method under test, the same one at every call. */
export type MethodFactory = () => PeftMethod;

/** A host that checks run on; `tinyHost` makes the usual ones. */
export interface ConformanceHost {
  /** `bert`; part of the titles of tests. */
  readonly name: string;
  /**
   * A fresh host that the kit disposes. The same variation gives the same bits. `seed`: other weights of the same shapes. `layers`: a deeper
   * encoder of otherwise the same shapes; a host that cannot be varied ignores it.
   */
  create(variation?: HostVariation): Promise<Host>;
}

/** How a host differs from the usual one of its kind. */
export interface HostVariation {
  readonly seed?: number;
  readonly layers?: number;
}

/** A method that the one under test is composed with. */
export interface OtherMethod {
  readonly name: string;
  readonly make: MethodFactory;
  /** Why the two compute something else in the other order; absent if they must not. */
  readonly orderMatters?: string;
}

/** A regular expression that selects parameters by name, and why they are an exception. */
export interface NamedException {
  readonly parameters: RegExp;
  readonly reason: string;
}

/**
 * How far two results may lie apart, relative to max(1, the largest number of the expected one), unless said otherwise. Defaults:
 * {@link defaultTolerances}.
 */
export interface Tolerances {
  /** Host with the method's initial values against the bare host. 0 for a start that must be exact. */
  readonly identity: number;
  /** The least change that counts as an effect. */
  readonly effect: number;
  /** A batch with parameters of their own for each example against runs of single examples. */
  readonly perExample: number;
  /** An example with longer neighbours, so with padding, against the example alone. */
  readonly padding: number;
  /** Merged host against host with adapter. */
  readonly merge: number;
  /** A combination with weights 1 and 0 against the first adapter. */
  readonly combine: number;
  /** Two orders of a composition. */
  readonly order: number;
  /** `runRows` against a run for each adapter. */
  readonly rows: number;
  /** Points of a simplex against the method at these points. */
  readonly simplex: number;
  /** Logits of a loaded adapter against those of the saved one. */
  readonly files: number;
  /** Gradients against central differences, relative to the larger of the two; rounding of the differences comes on top. */
  readonly gradient: number;
}

/** The bounds that hold unless a method names others. */
export const defaultTolerances: Tolerances = {
  identity: 1e-6,
  effect: 1e-3,
  perExample: 1e-5,
  padding: 1e-5,
  merge: 1e-5,
  combine: 1e-5,
  order: 1e-6,
  rows: 1e-6,
  simplex: 1e-5,
  files: 1e-6,
  gradient: 1e-2,
};

/** What a method claims about itself, and what to check it with. */
export interface ConformanceOptions {
  /** Definitions that build the method and its parts from data. `HEAD`, `COMPOSE` and `SUBSPACE` are there already. */
  readonly definitions: readonly MethodDefinition[];
  /** Whether the host with the method's initial values computes what the bare host does. */
  readonly identityAtStart: boolean;
  /** Whether `mergeAdapter` can put it into the weights; a method that says no must be refused with `NOT_MERGEABLE`. */
  readonly mergeable: boolean;
  /** Hosts to run on; a tiny random BERT if absent. */
  readonly hosts?: readonly ConformanceHost[];
  /** Methods to compose with, in both orders; a small gate of the kit's own if absent. */
  readonly others?: readonly OtherMethod[];
  /** The same method with more targets: the parameters that both have must start from the same bits. */
  readonly wider?: (host: HostSpec) => PeftMethod;
  /** Trainable parameters that may stay as they are in a training step and at the logits (a pooler that the readout does not use). */
  readonly untouched?: readonly NamedException[];
  /** Parameters whose gradient is not the derivative of the loss, on purpose (a norm that counts as a constant). */
  readonly notDerivatives?: readonly NamedException[];
  /** Checks that do not hold for this method, by name, and why: reported as not applicable. */
  readonly exceptions?: Readonly<Partial<Record<string, string>>>;
  /** Only these checks, by name; all if absent. */
  readonly only?: readonly string[];
  readonly tolerances?: Partial<Tolerances>;
  /** Standard deviation of the random numbers added to initial values, for checks of a method that has learned something; 0.3 if absent. */
  readonly deviation?: number;
  /** Of all random numbers of the kit; 0 if absent. */
  readonly seed?: number;
}

/** What became of one check on one host. */
export interface CheckResult {
  /** Name of the check: `plan-is-pure`. */
  readonly check: string;
  readonly host: string;
  /** `control did not fail`: the check passes, but so does a method broken on purpose. A fault of the kit or of the factory. */
  readonly outcome: 'passed' | 'failed' | 'not applicable' | 'control did not fail';
  /** Why; empty if it passed. */
  readonly message: string;
}
