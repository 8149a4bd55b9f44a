import * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import { PeftError } from './errors.js';
import { freeWhileGoingBack } from './free-while-going-back.js';
import type { Host } from './host.js';
import { effectiveParameters, type PeftMethod } from './method.js';
import type { Batch, Loss, Objective, Pass } from './objective.js';
import { getParameter, type Parameters } from './parameters.js';
import { trainableNames } from './plan.js';

/** Whose gradients of which loss on which batch. */
export interface GradientRequest<Targets = unknown> {
  readonly host: Host;
  readonly method: PeftMethod;
  /** All raw parameters and buffers of the method. A parameter may carry a batch axis where its plan allows it: so does its gradient then. */
  readonly raw: Parameters;
  readonly batch: Batch<Targets>;
  readonly objective: Objective<Targets>;
  readonly context: Context;
  /** Names to differentiate with respect to; all trainable ones if absent. */
  readonly wrt?: readonly string[];
}

/** A loss and its gradients. The caller owns all tensors. */
export interface LossAndGradients {
  /** Of the task alone. */
  readonly loss: tf.Scalar;
  /** What was added to it, by name; `penalty` is the method's own. */
  readonly terms: Readonly<Record<string, tf.Scalar>>;
  /** Of the sum of loss and terms; parameters on which it does not depend have none. */
  readonly gradients: ReadonlyMap<string, tf.Tensor>;
}

/**
 * The loss of one batch and its gradients: the one way in which this library differentiates. Call inside `tf.tidy`, or dispose all that it
 * gives; nothing that was passed in is disposed, also after an error.
 * Errors: `PARAMETER_MISSING` for an unknown name in `wrt`, `LOSS_NOT_A_SCALAR`, and those of method, objective and host.
 */
export function lossAndGradients<Targets>(request: GradientRequest<Targets>): LossAndGradients {
  const { host, method, raw } = request;
  const names = request.wrt ?? trainableNames(method.plan(host.spec));
  const tensors = names.map((name) => getParameter(raw, name));
  // The forward part runs in a scope of its own that frees everything but the sum.
  const kept: [string, tf.Scalar][] = [];
  const keep = (name: string, value: tf.Scalar) => kept.push([name, tf.keep(value.clone())]);
  try {
    // `engine().gradients`, because `tf.valueAndGrads` throws for a parameter without influence on the loss.
    const { value: sum, grads } = tf.engine().gradients(
      () => {
        const { loss, terms } = lossOfBatch(request);
        keep('', loss);
        for (const [name, term] of Object.entries(terms)) keep(name, term);
        // A copy, since a loss may be a tensor that was passed in.
        const total = Object.values(terms).reduce<tf.Scalar>((part, term) => part.add(term), loss.clone());
        const { activeTape, gradientDepth } = tf.engine().state;
        if (gradientDepth === 1) freeWhileGoingBack(activeTape);
        return total;
      },
      tensors,
      undefined,
      true,
    );
    sum.dispose();
    const gradients = new Map(
      names.flatMap((name, index): [string, tf.Tensor][] => (grads[index] ? [[name, grads[index]]] : [])),
    );
    const [loss, ...terms] = kept.map(([name, value]) => [name, value.clone()] as const);
    return { loss: loss![1], terms: Object.fromEntries(terms), gradients };
  } catch (error) {
    // TensorFlow.js frees what a tape saved only at the end of a complete backward pass.
    tf.engine().state.activeTape?.forEach(({ saved }) => tf.dispose(saved));
    throw error;
  } finally {
    tf.dispose(kept.map(([, value]) => value));
  }
}

/**
 * The loss of one batch without gradients: what a step minimises is `loss` plus all `terms`. Call inside `tf.tidy`.
 * Errors: `LOSS_NOT_A_SCALAR`, and those of method, objective and host.
 */
export function lossOfBatch<Targets>(request: Omit<GradientRequest<Targets>, 'wrt'>): Required<Loss> {
  const { host, method, raw, batch, context } = request;
  const objective = method.objective?.(request.objective) ?? request.objective;
  const effective = effectiveParameters(method, raw, host.spec);
  const pass: Pass = (used, { inputs = batch.inputs, interventions = [] } = {}) => {
    const own = method.intervene(effective, used);
    return host.forward(inputs, interventions.length > 0 ? [...own, ...interventions] : own, used);
  };
  const { loss, terms = {} } = objective.loss(pass, batch, context);
  const penalty = method.penalty?.(effective, context);
  const all = penalty ? { ...terms, penalty } : terms;
  for (const [name, value] of [['', loss] as const, ...Object.entries(all)]) requireScalar(value, name, objective);
  return { loss, terms: all };
}

function requireScalar({ shape }: tf.Tensor, name: string, { id }: Objective): void {
  if (shape.length === 0) return;
  throw new PeftError('LOSS_NOT_A_SCALAR', {
    found: `${name === '' ? 'a loss' : `the term "${name}"`} of objective ${id} of shape [${shape.join(', ')}]`,
    expected: 'one number',
    fix: 'take the mean over the examples',
  });
}
