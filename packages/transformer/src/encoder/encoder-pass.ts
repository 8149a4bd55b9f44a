import type * as tf from '@tensorflow/tfjs';
import type { Encoder } from '../architecture/encoder.js';
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
}
