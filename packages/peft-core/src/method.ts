import type * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import type { FileCodec } from './file-codec.js';
import type { Host, HostInputs, HostOutputs, HostSpec } from './host.js';
import type { Interventions } from './intervention.js';
import type { Parameters } from './parameters.js';
import type { ParameterPlan } from './plan.js';

/**
 * A PEFT method: a pure description of parameters and of what they do at the sites of a host. Wrappers (`compose`, `subspace`) are
 * methods made of methods.
 *
 * The optimiser sees *raw* parameters; `reparametrise` turns them into *effective* ones, which a simplex mixes, interventions receive and
 * files store.
 */
export interface PeftMethod<Config = unknown> {
  /** Name in the registry and in files: `PREFIX_TUNING`. */
  readonly type: string;
  /** Validated and frozen. */
  readonly config: Readonly<Config>;
  /** First segments of the names of all its parameters. Disjoint within a composition. */
  readonly namespaces: readonly string[];
  /** The methods this one is made of, in order; absent for a plain method. */
  readonly parts?: readonly PeftMethod[];
  /** Pure: touches no tensor. Errors: what makes this configuration impossible on this host. */
  plan(host: HostSpec): ParameterPlan;
  /** Raw to effective parameters, differentiable; identity if absent. */
  reparametrise?(raw: Parameters, host: HostSpec): Parameters;
  /** Effective parameters, each `[...shape]` or `[batch, ...shape]` where its plan says `axis`, to interventions. */
  intervene(effective: Parameters, context: Context): Interventions;
  /** A scalar added to the loss in training. */
  penalty?(effective: Parameters, context: Context): tf.Scalar;
  /** Wraps the training objective, for methods that need more than one pass. */
  objective?(objective: Objective): Objective;
  /** Before training: the concrete method for this host and these data. */
  prepare?(host: Host, data: AsyncIterable<HostInputs>): Promise<PeftMethod<Config>>;
  /** After an optimiser step: projected raw parameters, for methods with constraints. */
  afterStep?(raw: Parameters): Parameters;
  /** The method and parameters that stand for this one in deployment (a simplex gives its midpoint); itself if absent. */
  fold?(effective: Parameters): FoldedMethod;
  /** How HF peft stores it; without a codec a method is stored under its own names. */
  readonly files?: FileCodec;
}

export interface FoldedMethod {
  readonly method: PeftMethod;
  /** Tensors may be shared with the unfolded ones; call inside `tf.tidy` or keep what you need. */
  readonly effective: Parameters;
}

/** The task's loss of one batch, given a way to run passes. */
export type Objective = (pass: (context: Context) => HostOutputs, context: Context) => tf.Scalar;

/** The effective parameters of a method; differentiable with respect to `raw`. */
export const effectiveParameters = (method: PeftMethod, raw: Parameters, host: HostSpec): Parameters =>
  method.reparametrise ? method.reparametrise(raw, host) : raw;

/** A method and parameters for deployment: folded if the method can be, else the same. */
export const foldMethod = (method: PeftMethod, effective: Parameters): FoldedMethod =>
  method.fold ? method.fold(effective) : { method, effective };
