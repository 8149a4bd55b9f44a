import type { ClassifierLayout, HostSpec, Readout } from '@tfjs-peft/peft-core';
import { readoutUnavailable } from '../model/readout-unavailable.js';
import type { TensorSource } from '../weights/tensor-source.js';
import { decoderTensors, matchDecoderTensors } from './decoder-tensors.js';
import type { Decoder } from './describe-decoder.js';
import { decoderReadouts, listDecoderSites, readoutPath } from './list-sites.js';
import { parseDecoderConfig } from './parse-decoder-config.js';
import { dropoutOf } from '../model/dropout-of.js';

/** `score` of HF's sequence classifiers of decoders. */
export const decoderClassifier: ClassifierLayout = { output: readoutPath, readout: 'last', bias: false };

/** What a decoder is, for plans. Errors: `READOUT_UNAVAILABLE`. */
export function decoderSpec(
  decoder: Decoder,
  name: string,
  fingerprint: string,
  defaultReadout: Readout = 'last',
): HostSpec {
  const { config, family, outputTable } = decoder;
  if (!decoderReadouts.includes(defaultReadout)) throw readoutUnavailable(defaultReadout, name, decoderReadouts);
  const shapes = decoderTensors(decoder).map(
    ({ path, shape, role }) => [path, role === 'affineWeight' ? [...shape].reverse() : shape] as const,
  );
  return {
    modelType: config.modelType,
    baseModelPrefix: family.baseModelPrefix,
    classifier: decoderClassifier,
    ...(family.python && { python: family.python }),
    hiddenSize: config.hiddenSize,
    numHiddenLayers: config.numHiddenLayers,
    numAttentionHeads: config.numAttentionHeads,
    maxPositionEmbeddings: config.maxPositionEmbeddings,
    padTokenId: config.padTokenId,
    ...dropoutOf([config.embeddingDropout, config.hiddenDropout, config.attentionDropout]),
    defaultReadout,
    ...(outputTable !== undefined && {
      languageModel: {
        vocabSize: config.vocabSize,
        tied: config.tiedEmbeddings,
        keyValueHeads: config.numKeyValueHeads,
        headSize: config.headSize,
      },
    }),
    sites: listDecoderSites(decoder, new Map(shapes)),
    fingerprint,
    name,
  };
}

/** The specification of a decoder from its configuration and the headers of its weights; the fingerprint is empty. */
export function readDecoderSpec(
  json: unknown,
  tensors: Pick<TensorSource, 'tensors'>,
  name: string,
  defaultReadout?: Readout,
): HostSpec {
  const { decoder } = matchDecoderTensors(parseDecoderConfig(json, name), tensors, name);
  return decoderSpec(decoder, name, '', defaultReadout);
}
