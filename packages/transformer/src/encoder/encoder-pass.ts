import type { Encoder } from '../architecture/encoder.js';
import type { EncoderConfig } from '../architecture/family.js';
import type { Pass } from '../model/pass.js';

/** One forward pass of an encoder. */
export interface EncoderPass extends Pass {
  readonly encoder: Encoder;
  /** That of the encoder. */
  readonly config: EncoderConfig;
}
