import type { Site } from '@tfjs-peft/peft-core';
import {
  type Encoder,
  type EncoderLayer,
  mapsToHeads,
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
  const { embeddings, distances, pooler } = encoder;
  const norm = (path: string | undefined, width: number, place?: 'final' | 'distances') =>
    normSites(path, width, encoder.normBias, place && { place });
  return [
    ...tablesOf(encoder).map((table): Site => ({ kind: 'table', ...table })),
    ...norm(embeddings.norm, embeddings.size),
    { kind: 'embeddings', path: embeddings.path, size: embeddings.size },
    ...(embeddings.projection ? [{ kind: 'linear' as const, ...embeddings.projection }] : []),
    ...norm(distances?.norm, size, 'distances'),
    ...encoder.layers.flatMap((layer) => sitesOfLayer(layer, encoder)),
    ...norm(encoder.finalNorm, size, 'final'),
    ...(pooler ? [{ kind: 'linear' as const, ...pooler }] : []),
    { kind: 'readout', path: readoutPath, size, readouts: readoutsOf(encoder) },
    ...[...tensorShapes].map(([path, shape]): Site => ({ kind: 'tensor', path, shape })),
  ];
}

const normSites = (
  path: string | undefined,
  size: number,
  hasBias: boolean,
  where: { readonly layer?: number; readonly place?: 'final' | 'distances' } = {},
): Site[] =>
  path === undefined ? [] : [{ kind: 'norm', path, ...where, size, ...(!hasBias && { bias: false as const }) }];

function sitesOfLayer(module: EncoderLayer, { config, normBias }: Encoder): Site[] {
  const { hiddenSize: size, numAttentionHeads: heads } = config;
  const { layer, path, attention, linears, sublayers } = module;
  const linear = (role: keyof EncoderLayer['linears']): Site => ({ kind: 'linear', ...linears[role] });
  const endOf = (sublayer: Sublayer): Site[] => [
    { kind: 'sublayer', path: sublayer.path, layer, place: sublayer.place, size },
    ...normSites(sublayer.norm, size, normBias, { layer }),
  ];
  return [
    ...mapsToHeads(module).map((map): Site => ({ kind: 'linear', ...map })),
    { kind: 'attention', path: attention, layer, heads, headSize: size / heads },
    linear('attentionOutput'),
    ...endOf(sublayers.attention),
    linear('feedForwardIn'),
    linear('feedForwardOut'),
    ...endOf(sublayers.feedForward),
    { kind: 'hidden', path, layer, size },
  ];
}
