import type * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import { PeftError } from './errors.js';
import type { HostSpec, Readout } from './host-spec.js';
import type { Interventions } from './intervention.js';

/** One padded batch. All int32. */
export interface HostInputs {
  /** `[batch, tokens]` */
  readonly inputIds: tf.Tensor2D;
  /** `[batch, tokens]`, 1 for text, 0 for padding. */
  readonly attentionMask: tf.Tensor2D;
  /** `[batch, tokens]`; zeros if absent. */
  readonly tokenTypeIds?: tf.Tensor2D;
  /**
   * `[n]`, int32, ascending: where the mask is 1, as positions in the flattened `[batch · tokens]`. With it a host need not compute what nobody
   * reads; states at padding are then 0. `padBatch` gives it where there is enough padding.
   */
  readonly textPositions?: tf.Tensor1D;
  /**
   * `[batch, tokens]`, the number of the document that each token belongs to, ascending in a row: tokens see their own document alone, and
   * positions begin anew in each. For decoders; one document a row if absent.
   */
  readonly documentIds?: tf.Tensor2D;
}

/** What the last hidden states are multiplied with to score the next token. */
export type OutputEmbeddings = {
  /** `[vocabulary, hidden]` with what the method changed. */
  readonly table: tf.Tensor2D;
  /** True if nothing that is trained changes it: no gradient of it is wanted. */
  readonly frozen: boolean;
};

/** What a pass gives. A type and no interface, so that `tf.tidy` can return it. */
export type HostOutputs = {
  /** `[batch, tokens, hidden]`: virtual tokens of prompts come first. */
  readonly lastHiddenState: tf.Tensor3D;
  /** `[batch, labels]`; absent without a `readout` intervention. */
  readonly logits?: tf.Tensor2D;
  /**
   * Of hosts that predict the next token: logits at a position are its state times the transpose of the table. They are not computed here,
   * since those of all positions and a large vocabulary are more than a device holds.
   */
  readonly outputEmbeddings?: OutputEmbeddings;
  /** Of hosts that predict the next token: the kind of an effect by which tokens see later ones, so that their states predict nothing. */
  readonly seesAhead?: string;
  /** `[batch, hidden]`, the features of the readout `pooler`, where the method changes its map; elsewhere {@link Host.readOut} gives them. */
  readonly pooled?: tf.Tensor2D;
};

/** Outputs of a pass of which only the logits are read. Errors when another one is read: `OUTPUT_NOT_COMPUTED`. */
export const logitsAlone = (logits: tf.Tensor2D): HostOutputs =>
  // Not enumerable, so that `tf.tidy` does not look at it.
  Object.defineProperty({ logits }, 'lastHiddenState', {
    get(): never {
      throw new PeftError('OUTPUT_NOT_COMPUTED', {
        found: 'lastHiddenState of a pass whose context says that only logits are read',
        expected: 'a pass of all outputs',
        fix: "leave `reads` out of the pass' context; an objective that wraps another one takes its pass from lossWithFirstPass",
      });
    },
  }) as HostOutputs;

/** A frozen pretrained model. `forward` is a pure function: nothing is stored, nothing is mutated. */
export interface Host {
  readonly spec: HostSpec;
  /** One pass: a pure function that never changes the host. The caller owns the outputs. Errors: `INTERVENTION_*`. */
  forward(inputs: HostInputs, interventions: Interventions, context: Context): HostOutputs;
  /** Pooled features `[batch, hidden]` of the given readout, whose own maps are the pretrained ones. */
  readOut(lastHiddenState: tf.Tensor3D, attentionMask: tf.Tensor2D, readout: Readout): tf.Tensor2D;
  /** A frozen tensor by its path, for methods that start from the host's own values; weights of affine maps are `[input, output]`. */
  weight(path: string): tf.Tensor;
  /**
   * The same host with some tensors replaced, by path and in the shape of {@link weight}. All others are shared: dispose the new host before
   * this one. The new host owns the tensors passed in and has a fingerprint of its own.
   */
  withWeights(changes: ReadonlyMap<string, tf.Tensor>): Promise<Host>;
  /** Frees the tensors that this host owns. */
  dispose(): void;
}

/** A host's description and its frozen tensors: what saving and loading an adapter need. */
export type HostTensors = Pick<Host, 'spec' | 'weight'>;
