import { type ExpectedTensor } from '../weights/expected-tensors.js';
import { findStored, type MatchedTensor, matchStored } from '../weights/match-tensors.js';
import type { TensorSource } from '../weights/tensor-source.js';
import {
  type Decoder,
  type DecoderLinear,
  describeDecoder,
  feedForwardOf,
  ownOutputTable,
} from './describe-decoder.js';
import { decoderFamilyOf } from './families.js';
import type { DecoderConfig } from './family.js';

/** All tensors of a decoder in the order of the forward pass, as HF torch checkpoints name and shape them. */
export function decoderTensors(decoder: Decoder): ExpectedTensor[] {
  const { config, family, words, positions, finalNorm, outputTable } = decoder;
  const { hiddenSize, headSize, norm } = config;
  const table = (path: string, rows: number): ExpectedTensor => ({
    path: `${path}.weight`,
    shape: [rows, hiddenSize],
    role: 'table',
  });
  const normTensors = (path: string, size = hiddenSize): ExpectedTensor[] => [
    { path: `${path}.weight`, shape: [size], role: 'normWeight' },
    ...(norm === 'layer' ? [{ path: `${path}.bias`, shape: [size], role: 'bias' } as const] : []),
  ];
  const linear = ({ path, inputSize, outputSize, hasBias }: DecoderLinear): ExpectedTensor[] => [
    family.inputFirst
      ? { path: `${path}.weight`, shape: [inputSize, outputSize], role: 'inputFirst' }
      : { path: `${path}.weight`, shape: [outputSize, inputSize], role: 'affineWeight' },
    ...(hasBias ? [{ path: `${path}.bias`, shape: [outputSize], role: 'bias' } as const] : []),
  ];
  return [
    table(words.path, words.rows),
    ...(positions ? [table(positions.path, positions.rows)] : []),
    ...decoder.layers.flatMap((layer) => [
      ...normTensors(layer.sublayers.attention.norm),
      ...layer.projections.flatMap(linear),
      ...(layer.headNorms
        ? [...normTensors(layer.headNorms.query, headSize), ...normTensors(layer.headNorms.key, headSize)]
        : []),
      ...linear(layer.attentionOutput),
      ...normTensors(layer.sublayers.feedForward.norm),
      ...feedForwardOf(layer).flatMap(linear),
    ]),
    ...normTensors(finalNorm),
    ...(outputTable === ownOutputTable ? [table(ownOutputTable, words.rows)] : []),
  ];
}

const otherHeads = ['score.', 'classifier.', 'qa_outputs.', 'multiple_choice_head.', 'v_head.'];

/**
 * Finds each tensor of a decoder in a checkpoint, with or without the prefix of its base model. Output embeddings that are tied are those of
 * the words, stored twice or not. Errors: `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`.
 */
export function matchDecoderTensors(
  config: DecoderConfig,
  source: Pick<TensorSource, 'tensors'>,
  name: string,
): { readonly tensors: readonly MatchedTensor[]; readonly decoder: Decoder; readonly ignored: readonly string[] } {
  const family = decoderFamilyOf(config.modelType);
  const output = `${ownOutputTable}.weight`;
  const names = { ...family, headPrefixes: otherHeads };
  const isBuffer = (path: string) => family.buffers.test(path) || (config.tiedEmbeddings && path === output);
  const { stored, ignored } = findStored(source, { ...names, isBuffer }, name);
  const decoder = describeDecoder(config, stored.has(output));
  return { tensors: matchStored(decoderTensors(decoder), stored, source, names, name), decoder, ignored };
}
