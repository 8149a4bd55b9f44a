import { readFileSync } from 'node:fs';
import type { Host, HostSpec, NamedArray, NamedArrays } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';

/** A tensor of the golden file. */
interface Stored {
  readonly shape: number[];
  readonly data: number[];
}

interface Golden {
  readonly weights: Record<string, Stored>;
  readonly cases: Record<
    string,
    { config: JsonObject; tensors: Record<string, Stored>; merged: Record<string, Stored> }
  >;
}

/** What HF peft makes of two affine maps: adapters as it stores them, and the maps after its own merge; see goldens/make_goldens.py. */
export const golden: Golden = JSON.parse(readFileSync(new URL('../goldens/methods.json', import.meta.url), 'utf8'));

export const toArrays = (stored: Record<string, Stored>): NamedArrays =>
  new Map(
    Object.entries(stored).map(([name, { shape, data }]): [string, NamedArray] => [
      name,
      { shape, data: Float32Array.from(data) },
    ]),
  );

const prefix = 'bert.encoder.layer.0.attention.self';
const module = (name: string, inputSize: number, outputSize: number, role: 'query' | 'value') =>
  ({ kind: 'linear', path: `encoder.layer.0.attention.self.${name}`, role, layer: 0, inputSize, outputSize }) as const;

const spec: HostSpec = {
  modelType: 'bert',
  baseModelPrefix: 'bert',
  classifier: { output: 'classifier', readout: 'pooler' },
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 8,
  padTokenId: 0,
  defaultReadout: 'cls',
  sites: [module('query', 8, 16, 'query'), module('value', 16, 8, 'value')],
  fingerprint: 'f'.repeat(64),
  name: 'two maps',
};

/** A weight as a host holds it, `[inputs, outputs]`, or a bias. */
export const heldTensor = (stored: Record<string, Stored>, path: string): tf.Tensor => {
  const { shape, data } = stored[`bert.${path}`]!;
  return path.endsWith('.weight') ? tf.tidy(() => tf.tensor(data, shape).transpose()) : tf.tensor1d(data);
};

/** Paths of the weights and biases of both maps. */
export const paths = ['query', 'value'].flatMap((map) =>
  ['weight', 'bias'].map((part) => `${prefix.slice('bert.'.length)}.${map}.${part}`),
);

/** The two maps as a host without a forward pass: enough to load, save and merge. */
export function twoMaps(): Host {
  const weights = new Map(paths.map((path) => [path, heldTensor(golden.weights, path)]));
  const make = (held: ReadonlyMap<string, tf.Tensor>): Host => ({
    spec,
    weight: (path) => held.get(path)!,
    withWeights: (changes) => Promise.resolve(make(new Map([...held, ...changes]))),
    forward: () => {
      throw new Error('two maps have no forward pass');
    },
    readOut: () => {
      throw new Error('two maps have no readout');
    },
    dispose: () => tf.dispose([...held.values()]),
  });
  return make(weights);
}
