import { stat } from 'node:fs/promises';
import type { ModelConfig } from '@tfjs-peft/eval';
import { minilmFiles } from '@tfjs-peft/minilm';
import { type HostSpec, isPeftError, sizeOf } from '@tfjs-peft/peft-core';
import { openModelDirectory, parseBertConfig, resolveHubModel } from '@tfjs-peft/transformer';

/** A host as far as its configuration and the headers of its weights tell. */
export interface HostDescription {
  readonly spec: HostSpec;
  /** Numbers of its weights. */
  readonly numbers: number;
  readonly intermediateSize: number;
}

/**
 * Describes a host without reading a weight, for plans. The fingerprint, which needs the weights, is empty. Null for a host of the Hub that
 * is not on this machine: nothing is downloaded for a plan. Errors: those of `openModelDirectory` and `parseBertConfig`.
 */
export async function describeHost(model: ModelConfig): Promise<HostDescription | null> {
  const place = await locate(model);
  if (!place) return null;
  const opened = await openModelDirectory(place.directory, place.name);
  try {
    const config = parseBertConfig(opened.config, place.name);
    const tensors = [...opened.tensors.tensors];
    const hasPooler = tensors.some(([name]) => name.endsWith('pooler.dense.weight'));
    const layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => layer);
    const { hiddenSize: size, numAttentionHeads: heads, intermediateSize } = config;
    const linear = (layer: number, name: string, inputSize: number, outputSize: number) =>
      ({ kind: 'linear', path: `encoder.layer.${layer}.${name}`, layer, inputSize, outputSize }) as const;
    const spec: HostSpec = {
      modelType: config.modelType,
      baseModelPrefix: 'bert',
      hiddenSize: size,
      numHiddenLayers: config.numHiddenLayers,
      numAttentionHeads: heads,
      maxPositionEmbeddings: config.maxPositionEmbeddings,
      padTokenId: config.padTokenId,
      defaultReadout: place.readout ?? opened.readout ?? (hasPooler ? 'pooler' : 'cls'),
      sites: [
        { kind: 'embeddings', path: 'embeddings', size },
        ...layers.flatMap((layer) => [
          linear(layer, 'attention.self.query', size, size),
          linear(layer, 'attention.self.key', size, size),
          linear(layer, 'attention.self.value', size, size),
          {
            kind: 'attention' as const,
            path: `encoder.layer.${layer}.attention.self`,
            layer,
            heads,
            headSize: size / heads,
          },
          linear(layer, 'attention.output.dense', size, size),
          linear(layer, 'intermediate.dense', size, intermediateSize),
          linear(layer, 'output.dense', intermediateSize, size),
        ]),
        {
          kind: 'readout',
          path: 'classifier',
          size,
          readouts: hasPooler ? ['cls', 'pooler', 'mean'] : ['cls', 'mean'],
        },
      ],
      fingerprint: '',
      name: place.name,
    };
    return { spec, numbers: tensors.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0), intermediateSize };
  } finally {
    await opened.close();
  }
}

async function locate({ name, revision }: ModelConfig) {
  if (name === 'minilm') return minilmFiles();
  const isFolder = await stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder || name.startsWith('.') || name.startsWith('/')) return { directory: name, name, readout: undefined };
  try {
    const environment = { ...process.env, HF_HUB_OFFLINE: '1' };
    const { directory } = await resolveHubModel(name, { environment, ...(revision !== undefined && { revision }) });
    return { directory, name, readout: undefined };
  } catch (error) {
    if (isPeftError(error) && error.code === 'HUB_OFFLINE') return null;
    throw error;
  }
}
