import type { Readout, Site } from '@tfjs-peft/peft-core';
import { affineModulesOfLayer, layerPath, poolerModule } from '../weights/expected-tensors.js';
import type { BertConfig } from './bert-config.js';

/** Path of the readout: the attribute that holds the classifier in HF's sequence classification models. */
export const readoutPath = 'classifier';
export const embeddingsPath = 'embeddings';

export const attentionPath = (layer: number): string => `${layerPath(layer)}.attention.self`;
export const sublayerPath = (layer: number, place: 'attention' | 'feedForward'): string =>
  place === 'attention' ? `${layerPath(layer)}.attention.output` : `${layerPath(layer)}.output`;

/** The readouts that a host offers: `pooler` only where the checkpoint has one. */
export const availableReadouts = (hasPooler: boolean): Readout[] =>
  hasPooler ? ['cls', 'pooler', 'mean'] : ['cls', 'mean'];

/**
 * All sites of a BERT encoder in the order of the forward pass, tensors last. A path names one site of each kind: `encoder.layer.0.output` is a
 * sublayer, `encoder.layer.0.output.dense` the affine map in it, `encoder.layer.0.output.dense.weight` a tensor.
 */
export function listSites(
  config: BertConfig,
  hasPooler: boolean,
  tensorShapes: ReadonlyMap<string, readonly number[]>,
): Site[] {
  const size = config.hiddenSize;
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer): Site[] => {
    const linears = affineModulesOfLayer(config, layer).map((module): Site => ({ kind: 'linear', ...module }));
    const heads = config.numAttentionHeads;
    return [
      ...linears.slice(0, 3),
      { kind: 'attention', path: attentionPath(layer), layer, heads, headSize: size / heads },
      ...linears.slice(3, 4),
      { kind: 'sublayer', path: sublayerPath(layer, 'attention'), layer, place: 'attention', size },
      ...linears.slice(4),
      { kind: 'sublayer', path: sublayerPath(layer, 'feedForward'), layer, place: 'feedForward', size },
      { kind: 'hidden', path: layerPath(layer), layer, size },
    ];
  });
  return [
    { kind: 'embeddings', path: embeddingsPath, size },
    ...layers.flat(),
    ...(hasPooler ? [{ kind: 'linear' as const, ...poolerModule(config) }] : []),
    { kind: 'readout', path: readoutPath, size, readouts: availableReadouts(hasPooler) },
    ...[...tensorShapes].map(([path, shape]): Site => ({ kind: 'tensor', path, shape })),
  ];
}
