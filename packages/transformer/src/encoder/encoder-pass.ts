import type * as tf from '@tensorflow/tfjs';
import type { Encoder } from '../architecture/encoder.js';
import type { RotaryAngles } from '../kernels/rotary.js';
import type { EncoderConfig } from '../architecture/family.js';
import type { Pass } from '../model/pass.js';

/** One forward pass of an encoder. */
export interface EncoderPass extends Pass {
  readonly encoder: Encoder;
  /** That of the encoder. */
  readonly config: EncoderConfig;
  /** Made once a pass. */
  readonly terms: AttentionTerms;
}

/** What attention reads of positions beside the embeddings; all of it may be absent. */
export interface AttentionTerms {
  /** Added to the scores of all layers, `[1 or batch, heads, tokens, tokens]`. */
  readonly bias?: tf.Tensor;
  /** Of disentangled attention. */
  readonly distances?: DistanceRows;
  /** By which queries and keys are turned, by layer. */
  readonly angles?: readonly RotaryAngles[];
  /** Added to the scores of a layer, `[1, 1, tokens, tokens]`: very negative for keys out of sight. */
  readonly windows?: readonly (tf.Tensor | undefined)[];
}

/** Rows for the distances from a query to a key, from `tokens` down to `-tokens`, one more at each end than there are. */
export interface DistanceRows {
  /** `[1 or batch, 2 · tokens + 1, hidden]` */
  readonly rows: tf.Tensor;
  /** Which row of the table each one is, `[2 · tokens + 1]` int32. */
  readonly places: tf.Tensor1D;
}
