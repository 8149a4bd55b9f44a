import type * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import type { HostInputs, HostOutputs } from './host.js';
import type { Interventions } from './intervention.js';

/** Examples, and what the model should say about them in the form that an objective reads. */
export interface Batch<Targets = unknown> {
  readonly inputs: HostInputs;
  readonly targets: Targets;
}

/** What differs from the plain pass of a batch. */
export interface PassOptions {
  /** Other texts than the batch's. */
  readonly inputs?: HostInputs;
  /** Acts beside the method: noise, taps. */
  readonly interventions?: Interventions;
}

/** One pass of the host with the method, on the batch unless told otherwise. */
export type Pass = (context: Context, options?: PassOptions) => HostOutputs;

/** What a step minimises: `loss` plus all `terms`. */
export interface Loss {
  /** Of the task alone. */
  readonly loss: tf.Scalar;
  /** What else is added, by name: each is reported beside the loss. */
  readonly terms?: Readonly<Record<string, tf.Scalar>>;
}

/**
 * A training question as a value: from passes and targets to a loss. It may run as many passes as it needs;
 * {@link lossWithFirstPass} gives a wrapper the outputs of another objective's pass.
 */
export interface Objective<Targets = unknown> {
  /** Name and settings, `cross_entropy(labelSmoothing=0.1)`: a run continues only with the same one. */
  readonly id: string;
  /** Differentiable; called inside `tf.tidy`. Errors: what makes the targets or the outputs unusable. */
  loss(pass: Pass, batch: Batch<Targets>, context: Context): Loss;
  /**
   * What the loss of a batch is divided by: the loss of a whole batch is the mean of its parts' losses, weighted by this. If absent, the number of targets; null
   * where the texts of a batch are compared with one another, so that it has no parts.
   */
  weightOf?(targets: Targets): number | null;
}

/** An objective of one pass. */
export const objectiveOfOutputs = <Targets>(
  id: string,
  lossOf: (outputs: HostOutputs, batch: Batch<Targets>, context: Context) => tf.Scalar,
  more: Pick<Objective<Targets>, 'weightOf'> = {},
): Objective<Targets> => ({
  id,
  loss: (pass, batch, context) => ({ loss: lossOf(pass(context), batch, context) }),
  ...more,
});

/**
 * The loss of an objective and what its first pass gave, all outputs of it, for terms that compare it with another pass: no pass is run for it. `first` is
 * undefined if the objective ran none.
 */
export function lossWithFirstPass<Targets>(
  objective: Objective<Targets>,
  pass: Pass,
  batch: Batch<Targets>,
  context: Context,
): Loss & { readonly first: HostOutputs | undefined } {
  let first: HostOutputs | undefined;
  const remembering: Pass = ({ reads: _onlyLogits, ...used }, options) => {
    const outputs = pass(used, options);
    first ??= outputs;
    return outputs;
  };
  const { loss, terms } = objective.loss(remembering, batch, context);
  return { loss, ...(terms && { terms }), first };
}
