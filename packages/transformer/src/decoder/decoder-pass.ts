import type * as tf from '@tensorflow/tfjs';
import type { RotaryAngles } from '../kernels/rotary.js';
import type { Pass } from '../model/pass.js';
import type { Decoder } from './describe-decoder.js';
import type { DecoderConfig } from './family.js';

/** Keys and values of the tokens so far in one layer, each `[batch, keyValueHeads, length, headSize]`, keys rotated. */
export type LayerPast = { readonly keys: tf.Tensor4D; readonly values: tf.Tensor4D };

/**
 * What a decoder remembers of the tokens so far, a value like any other: passing it to the next pass continues the texts. Key/value prefixes are
 * not part of it, virtual tokens of prompts are. Whoever got it disposes it (`tf.dispose`).
 */
export type Past = {
  readonly layers: LayerPast[];
  /** `[batch, length]` int32, 1 for what is attended to. */
  readonly mask: tf.Tensor2D;
};

/** One forward pass of a decoder. */
export interface DecoderPass extends Pass {
  readonly decoder: Decoder;
  readonly config: DecoderConfig;
  readonly past: Past | undefined;
  /** `[batch, 1, tokens, past + tokens]`, 0 where a token may look, very negative elsewhere. */
  readonly mask: tf.Tensor;
  /** Of the tokens' positions; absent with learned ones. */
  readonly angles: RotaryAngles | undefined;
}
