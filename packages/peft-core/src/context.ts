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
}

const unused = createStream('evaluation draws nothing');

/** The context of a deterministic pass. */
export const evaluationContext = (host: HostSpec, batchSize: number): Context => ({
  mode: 'evaluate',
  host,
  batchSize,
  streams: { dropout: unused, draws: unused },
});
