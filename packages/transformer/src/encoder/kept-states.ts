import type { Context, EncodedText, HostInputs } from '@tfjs-peft/peft-core';
import { textsOf } from '@tfjs-peft/peft-core/authoring';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { Encoder } from '../architecture/encoder.js';
import { paddedLayout } from '../model/token-layout.js';
import { untouchedSteps } from '../model/untouched-steps.js';
import type { EncoderPass } from './encoder-pass.js';

/**
 * How many steps of a pass need not run, because whoever runs it keeps what comes out of them: they depend on the text alone, if nothing acts
 * in them and nothing is dropped out.
 */
export function keptSteps(
  inputs: HostInputs,
  interventions: Interventions,
  { activations, mode }: Context,
  { config, order, layers, finalNorm, pooler }: Encoder,
): number {
  const dropsOut = mode === 'train' && config.hiddenDropout + config.attentionDropout > 0;
  if (!activations || !textsOf(inputs) || dropsOut) return 0;
  return untouchedSteps(
    interventions,
    order.map((layer) => layers[layer]!),
    [finalNorm, pooler?.path],
  );
}

/**
 * The states that enter step `steps`, in the pass' layout, 0 at padding. Those of a text are what `compute` gives for it alone, without padding:
 * so they do not depend on the batches in which it comes, nor on what else is kept.
 */
export function keptStates(
  inputs: HostInputs,
  pass: EncoderPass,
  fingerprint: string,
  steps: number,
  compute: (inputs: HostInputs) => tf.Tensor,
): tf.Tensor {
  const rows = textsOf(inputs)!.map((text) => {
    const { positionOffset } = pass.interventions;
    const key = [fingerprint, steps, positionOffset, text.inputIds.join(), text.tokenTypeIds.join()].join(' ');
    return pass.context.activations!.remember(key, () => rowsOf(text, compute));
  });
  if (pass.layout !== paddedLayout) return tf.concat(rows, 0).expandDims(0);
  const tokens = inputs.inputIds.shape[1];
  return tf.stack(
    rows.map((row) =>
      row.shape[0] === tokens
        ? row
        : row.pad([
            [0, tokens - row.shape[0]!],
            [0, 0],
          ]),
    ),
  );
}

/** `[tokens, hidden]` of one text, computed outside of the tape: no gradient flows below what is acted on. */
function rowsOf({ inputIds, tokenTypeIds }: EncodedText, compute: (inputs: HostInputs) => tf.Tensor): tf.Tensor {
  const ids = tf.tensor2d([...inputIds], [1, inputIds.length], 'int32');
  const constant = tf.customGrad(() => ({
    value: tf.tidy(() => {
      const types = tf.tensor2d([...tokenTypeIds], ids.shape, 'int32');
      const states = compute({ inputIds: ids, attentionMask: tf.onesLike(ids), tokenTypeIds: types });
      return states.reshape([ids.size, states.shape[2]!]);
    }),
    gradFunc: () => tf.zerosLike(ids),
  }));
  return constant(ids);
}
