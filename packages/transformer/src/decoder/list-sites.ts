import type { Readout, Site } from '@tfjs-peft/peft-core';
import { type Decoder, type DecoderLayer, type DecoderLinear, feedForwardOf } from './describe-decoder.js';

/** Path of the readout: the attribute that holds the classifier in HF's sequence classification models of decoders. */
export const readoutPath = 'score';

/** The last token alone has seen the whole text. */
export const decoderReadouts: readonly Readout[] = ['last', 'mean'];

/** All sites of a decoder in the order of the forward pass, tensors last. */
export function listDecoderSites(decoder: Decoder, tensorShapes: ReadonlyMap<string, readonly number[]>): Site[] {
  const { config, words, positions, finalNorm } = decoder;
  const { hiddenSize: size } = config;
  return [
    { kind: 'table', path: words.path, rows: words.rows, size },
    ...(positions ? [{ kind: 'table', path: positions.path, rows: positions.rows, size } as const] : []),
    { kind: 'embeddings', path: words.path, size },
    ...decoder.layers.flatMap((layer) => sitesOfLayer(layer, decoder)),
    { kind: 'norm', path: finalNorm, place: 'final', size, ...withoutBias(config.norm === 'layer') },
    { kind: 'readout', path: readoutPath, size, readouts: decoderReadouts },
    ...[...tensorShapes].map(([path, shape]): Site => ({ kind: 'tensor', path, shape })),
  ];
}

function sitesOfLayer(module: DecoderLayer, { config }: Decoder): Site[] {
  const { layer, path, attention, sublayers, headNorms } = module;
  const { hiddenSize: size, headSize } = config;
  const linear = ({ hasBias, ...rest }: DecoderLinear): Site => ({ kind: 'linear', ...rest, ...withoutBias(hasBias) });
  const norm = (at: string, of = size): Site => ({
    kind: 'norm',
    path: at,
    layer,
    size: of,
    ...withoutBias(config.norm === 'layer'),
  });
  return [
    norm(sublayers.attention.norm),
    ...module.projections.map(linear),
    ...(headNorms ? [norm(headNorms.query, headSize), norm(headNorms.key, headSize)] : []),
    { kind: 'attention', path: attention, layer, heads: config.numKeyValueHeads, headSize },
    linear(module.attentionOutput),
    { kind: 'sublayer', path: sublayers.attention.path, layer, place: 'attention', size },
    norm(sublayers.feedForward.norm),
    ...feedForwardOf(module).map(linear),
    { kind: 'sublayer', path: sublayers.feedForward.path, layer, place: 'feedForward', size },
    { kind: 'hidden', path, layer, size },
  ];
}

const withoutBias = (hasBias: boolean) => (hasBias ? {} : ({ bias: false } as const));
