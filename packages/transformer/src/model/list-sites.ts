import type { Site } from '@tfjs-peft/peft-core';
import {
  type Encoder,
  type EncoderLayer,
  linearsOf,
  readoutsOf,
  type Sublayer,
  tablesOf,
} from '../architecture/encoder.js';

/** Path of the readout: the attribute that holds the classifier in HF's sequence classification models. */
export const readoutPath = 'classifier';

/**
 * All sites of an encoder in the order of the forward pass, tensors last. A path names one site of each kind: in BERT `encoder.layer.0.output` is a
 * sublayer, `encoder.layer.0.output.dense` the affine map in it, `encoder.layer.0.output.dense.weight` a tensor.
 */
export function listSites(encoder: Encoder, tensorShapes: ReadonlyMap<string, readonly number[]>): Site[] {
  const size = encoder.config.hiddenSize;
  const { embeddings, pooler } = encoder;
  return [
    ...tablesOf(encoder).map(({ path, rows }): Site => ({ kind: 'table', path, rows, size })),
    { kind: 'norm', path: embeddings.norm, size },
    { kind: 'embeddings', path: embeddings.path, size },
    ...encoder.layers.flatMap((layer) => sitesOfLayer(layer, size, encoder.config.numAttentionHeads)),
    ...(pooler ? [{ kind: 'linear' as const, ...pooler }] : []),
    { kind: 'readout', path: readoutPath, size, readouts: readoutsOf(encoder) },
    ...[...tensorShapes].map(([path, shape]): Site => ({ kind: 'tensor', path, shape })),
  ];
}

function sitesOfLayer(module: EncoderLayer, size: number, heads: number): Site[] {
  const { layer, path, attention, sublayers } = module;
  const linears = linearsOf(module).map((linear): Site => ({ kind: 'linear', ...linear }));
  const endOf = (sublayer: Sublayer): Site[] => [
    { kind: 'sublayer', path: sublayer.path, layer, place: sublayer.place, size },
    { kind: 'norm', path: sublayer.norm, layer, size },
  ];
  return [
    ...linears.slice(0, 3),
    { kind: 'attention', path: attention, layer, heads, headSize: size / heads },
    ...linears.slice(3, 4),
    ...endOf(sublayers.attention),
    ...linears.slice(4),
    ...endOf(sublayers.feedForward),
    { kind: 'hidden', path, layer, size },
  ];
}
