import { PeftError } from '@tfjs-peft/peft-core';
import type { ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { DecoderHost } from '../decoder/create-host.js';
import { decoderTensors } from '../decoder/decoder-tensors.js';
import { ownOutputTable } from '../decoder/describe-decoder.js';
import { readoutPath } from '../decoder/list-sites.js';

/**
 * Copies of all tensors as HF's class with output embeddings, or with a head its sequence classifier, names and shapes them; the caller owns them.
 * Tied output embeddings are stored once, as the word embeddings.
 */
export function decoderTensorsOf(host: DecoderHost, head: ReadoutMap | undefined): Map<string, tf.Tensor> {
  const { decoder } = host;
  const { baseModelPrefix } = decoder.family;
  const named = new Map<string, tf.Tensor>();
  tf.tidy(() => {
    for (const { path, role } of decoderTensors(decoder)) {
      const isOutput = path === `${ownOutputTable}.weight`;
      if (isOutput && head) continue;
      const tensor = host.weight(path);
      named.set(
        isOutput ? path : `${baseModelPrefix}.${path}`,
        role === 'affineWeight' ? tensor.transpose() : tensor.clone(),
      );
    }
    if (head) named.set(`${readoutPath}.weight`, head.weight.clone());
    return [...named.values()];
  });
  return named;
}

/** Whether HF's sequence classifier of a decoder computes a head: the last token and one map without a bias. Errors: `HEAD_NOT_IN_HF`. */
export async function requireHfScore(head: ReadoutMap, { decoder }: DecoderHost): Promise<void> {
  const bias = await head.bias.data();
  if (head.readout === 'last' && !head.hidden && bias.every((value) => value === 0)) return;
  throw new PeftError('HEAD_NOT_IN_HF', {
    found: `a head on the readout "${head.readout}" with ${head.hidden ? 'a dense layer' : 'a bias'}`,
    expected: `what ${decoder.family.className}ForSequenceClassification computes: the last token and one map without a bias`,
    fix: 'keep the head as an adapter beside the merged host',
  });
}
