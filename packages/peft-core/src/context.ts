import type * as tf from '@tensorflow/tfjs';
import type { HostSpec } from './host-spec.js';
import { createStream, type Stream } from './random-stream.js';

/**
 * What a pass is for. `evaluate` is deterministic (a simplex gives its midpoint); `sample` draws from the simplex without dropout
 * (the stochastic validation metric); `train` draws and drops out.
 */
export type Mode = 'train' | 'evaluate' | 'sample';

/** What a pass is for, and where its random numbers come from. */
export interface Context {
  readonly mode: Mode;
  readonly host: HostSpec;
  readonly batchSize: number;
  readonly streams: {
    /** Dropout masks of this pass. */
    readonly dropout: Stream;
    /** Draws from a simplex in this pass. */
    readonly draws: Stream;
  };
  /**
   * `logits` if whoever runs the pass reads nothing else of it: a host then need not compute what no logit depends on, and asking for other
   * outputs is an error. All outputs if absent.
   */
  readonly reads?: 'logits';
  /** Where a host keeps, from pass to pass, the activations of texts below all that acts on it; nothing is kept if absent. */
  readonly activations?: ActivationMemory;
}

/** A memory of whoever runs the passes: a host stays a function, whose results do not depend on what is in it. */
export interface ActivationMemory {
  /**
   * What is kept under a key, else what `make` gives, which may be kept then. The key must say all that it depends on: the host's fingerprint, the
   * place, the text. The caller owns the result.
   */
  remember(key: string, make: () => tf.Tensor): tf.Tensor;
}

const unused = createStream('evaluation draws nothing');

/** The context of a deterministic pass. */
export const evaluationContext = (host: HostSpec, batchSize: number): Context => ({
  mode: 'evaluate',
  host,
  batchSize,
  streams: { dropout: unused, draws: unused },
});
