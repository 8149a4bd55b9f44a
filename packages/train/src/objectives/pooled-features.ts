import type { Host, HostInputs, HostOutputs, Readout } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';

/** Features `[batch, hidden]` of a pass, with what the method changes at the pooler. */
export const pooledFeatures = (
  { lastHiddenState, pooled }: HostOutputs,
  { attentionMask }: Pick<HostInputs, 'attentionMask'>,
  host: Pick<Host, 'readOut'>,
  readout: Readout,
): tf.Tensor2D => (readout === 'pooler' && pooled ? pooled : host.readOut(lastHiddenState, attentionMask, readout));
