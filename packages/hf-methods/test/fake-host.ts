import type { HostSpec, HostTensors } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

type AffineMap = readonly [name: string, inputs: number, outputs: number, role: 'query' | 'value' | 'pooler'];

const layerPath = 'encoder.layer.0.attention.self';

/** A host that is nothing but affine maps of these sizes, without weights and without a pass. */
export function specOfMaps(...maps: readonly AffineMap[]): HostSpec {
  return {
    modelType: 'bert',
    baseModelPrefix: 'bert',
    classifier: { output: 'classifier', readout: 'pooler' },
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 1,
    maxPositionEmbeddings: 8,
    padTokenId: 0,
    defaultReadout: 'cls',
    sites: maps.map(([name, inputSize, outputSize, role]) => ({
      kind: 'linear',
      path: role === 'pooler' ? name : `${layerPath}.${name}`,
      role,
      ...(role !== 'pooler' && { layer: 0 }),
      inputSize,
      outputSize,
    })),
    fingerprint: 'f'.repeat(64),
    name: 'maps',
  };
}

/** Enough of a host to save and load what needs no weight. */
export const withoutWeights = (spec: HostSpec): HostTensors => ({
  spec,
  weight: (path): tf.Tensor => {
    throw new Error(`nobody asks for ${path}`);
  },
});

/** A small host for what methods compute: query and value of 16 inputs and outputs, and a pooler. */
export const smallSpec = specOfMaps(
  ['query', 16, 16, 'query'],
  ['value', 16, 8, 'value'],
  ['pooler.dense', 8, 8, 'pooler'],
);

/** Numbers between −0.5 and 0.5, the same on each call. */
export const someNumbers = (shape: readonly number[], seed: number): tf.Tensor =>
  tf.randomUniform([...shape], -0.5, 0.5, 'float32', seed);
