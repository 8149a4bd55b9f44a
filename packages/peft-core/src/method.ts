import type * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import type { FileCodec } from './file-codec.js';
import type { Host } from './host.js';
import type { HeadActivation, HostSpec, Readout } from './host-spec.js';
import type { InterventionKind, Interventions } from './intervention.js';
import type { JsonObject } from './json/json.js';
import type { Batch, Objective } from './objective.js';
import type { NamedArrays, Parameters } from './parameters.js';
import type { ParameterPlan } from './plan.js';
import type { Stream } from './random-stream.js';

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
  /**
   * What gives the numbers of an adapter their meaning, as `my-package@1`: stored with it, so that another method of the same type, or a later
   * one that computes something else, refuses it. Change it only when the same numbers give other outputs.
   */
  readonly version?: string;
  /** First segments of the names of all its parameters. Disjoint within a composition. */
  readonly namespaces: readonly string[];
  /** The kinds of interventions that it emits; absent if that is not known without a host. */
  readonly kinds?: readonly InterventionKind[];
  /** There if the method is a head: what its logits mean and how it is read out. */
  readonly head?: HeadLayout;
  /** The methods this one is made of, in order; absent for a plain method. */
  readonly parts?: readonly PeftMethod[];
  /** The same wrapper around other parts; there whenever `parts` is. */
  withParts?(parts: readonly PeftMethod[]): PeftMethod;
  /** Pure: touches no tensor. Errors: what makes this configuration impossible on this host. */
  plan(host: HostSpec): ParameterPlan;
  /** Raw to effective parameters, differentiable; identity if absent. Buffers are among both and pass through. */
  reparametrise?(raw: Parameters, host: HostSpec): Parameters;
  /** Effective parameters, each `[...shape]` or `[batch, ...shape]` where its plan says `axis`, to interventions. */
  intervene(effective: Parameters, context: Context): Interventions;
  /** A scalar added to the loss in training. */
  penalty?(effective: Parameters, context: Context): tf.Scalar;
  /** Wraps the training objective, for methods that need more than one pass or more than the task's loss. */
  objective?<Targets>(objective: Objective<Targets>): Objective<Targets>;
  /**
   * Before training: the concrete method for this host and these data. A simplex prepares each vertex from the unprepared method: the
   * results may differ in their initial values alone, and their buffers must be the same. A run that goes on skips it: initial values and
   * buffers come from the checkpoint then, the configuration by `withConfig`.
   */
  prepare?(host: Host, preparation: Preparation): Promise<PeftMethod<Config>>;
  /** The same method with the configuration that `prepare` chose earlier; needed by methods whose `prepare` changes it. */
  withConfig?(config: JsonObject): PeftMethod<Config>;
  /** After an optimiser step: projected raw parameters, for methods with constraints. */
  afterStep?(raw: Parameters): Parameters;
  /** The method and parameters that stand for this one in deployment (a simplex gives its midpoint); itself if absent. */
  fold?(effective: Parameters): FoldedMethod;
  /**
   * This method without what weights can hold, for a merge that keeps the rest: its parameters are among this one's, under the same names. Absent:
   * a method goes into the weights as a whole or not at all.
   */
  afterMerge?(): PeftMethod;
  /** One method that stands for several of its type, in host memory; absent where no combination has a meaning. */
  combine?(members: readonly CombineMember[], options: CombineOptions, host: HostSpec): CombinedMethod;
  /** How HF peft stores it; without a codec a method is stored under its own names. */
  readonly files?: FileCodec;
}

/** What a method may learn before training, and which start it prepares. */
export interface Preparation {
  /** The training examples in order. May be gone through more than once; a batch lives until the next one is asked for. */
  readonly batches: AsyncIterable<Batch>;
  /** What will be minimised. */
  readonly objective: Objective;
  /**
   * The rest of the composition that will be trained with this method, such as its head: prepared, and with the initial values of
   * `shared`. An empty composition if the method stands alone.
   */
  readonly others: PeftMethod;
  /** The same for all vertices of a simplex: for choices that they must share. Gives the initial values of `others`. */
  readonly shared: Stream;
  /** Of the initial values: the one that `initialValues` gets. Vertices other than the first have one of their own. */
  readonly stream: Stream;
  /** 0 for the method alone and for the first vertex of a simplex; vertices must not start from the same data. */
  readonly vertex: number;
  /** For work of more than a moment. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** A head as other parts of the library see it, whatever its type. */
export interface HeadLayout {
  /** Names of the labels in the order of the logits; one name for a regression. */
  readonly labels: readonly string[];
  /** The host's usual one if null. */
  readonly readout: Readout | null;
  /** The activation of a dense layer before the labels. */
  readonly hidden: 'none' | HeadActivation;
  /** Of its effective parameters; those of the dense layer are there only with `hidden`. */
  readonly names: Readonly<Record<'weight' | 'bias' | 'hiddenWeight' | 'hiddenBias' | 'hiddenNorm', string>>;
  /** A LayerNorm after the activation, and no bias in the dense layer. */
  readonly normalised?: boolean;
  /** One score a text: the texts are the choices of questions. */
  readonly choices?: boolean;
  /** The same head at another readout. */
  withReadout(readout: Readout): PeftMethod;
}

/** What stands for a method in deployment. */
export interface FoldedMethod {
  readonly method: PeftMethod;
  /** Tensors may be shared with the unfolded ones; call inside `tf.tidy` or keep what you need. */
  readonly effective: Parameters;
}

/** One of the adapters that `combine` makes one of. All members have the type of the method that is asked. */
export interface CombineMember {
  readonly method: PeftMethod;
  readonly effective: NamedArrays;
  readonly weight: number;
}

/** How to combine; each method documents its strategies and refuses others with `COMBINE_STRATEGY_UNKNOWN`. */
export interface CombineOptions {
  /** `linear`, `cat`, `svd`, `ties`, …; the method's usual one if absent. */
  readonly strategy?: string;
  /** Rank of a result that is factored anew. */
  readonly rank?: number;
  /** Share of the values that pruning strategies keep, in (0, 1]. */
  readonly density?: number;
  /** Of random pruning. */
  readonly seed?: number;
}

/** What several adapters became. */
export interface CombinedMethod {
  readonly method: PeftMethod;
  readonly effective: NamedArrays;
}

/** The effective parameters of a method; differentiable with respect to `raw`. */
export const effectiveParameters = (method: PeftMethod, raw: Parameters, host: HostSpec): Parameters =>
  method.reparametrise ? method.reparametrise(raw, host) : raw;

/** A method and parameters for deployment: folded if the method can be, else the same. */
export const foldMethod = (method: PeftMethod, effective: Parameters): FoldedMethod =>
  method.fold ? method.fold(effective) : { method, effective };
