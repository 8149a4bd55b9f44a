import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { describeEncoder } from '../architecture/encoder.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { familyOf } from '../architecture/families.js';
import type { ConfigEntry, ModelType } from '../architecture/family.js';
import { expectedTensors, type ExpectedTensor } from '../weights/expected-tensors.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { createHost, type EncoderHost } from './create-host.js';

/** Sizes of a random host; small ones if absent. */
export interface RandomHostSizes {
  readonly hiddenSize?: number;
  readonly numHiddenLayers?: number;
  readonly numAttentionHeads?: number;
  readonly intermediateSize?: number;
  readonly vocabSize?: number;
  /** Positions that a text can take. The table has more rows in families that reserve some. */
  readonly maxPositionEmbeddings?: number;
  /** Rate of all dropouts of the encoder in training; 0 if absent. */
  readonly dropout?: number;
}

/** Family and sizes of a random host. */
export interface RandomHostOptions extends RandomHostSizes {
  /** The architecture; `bert` if absent. */
  readonly modelType?: ModelType;
}

/** A config.json of a tiny BERT, small enough for finite differences. */
export const tinyBertConfig = (sizes: RandomHostSizes = {}) => ({
  model_type: 'bert',
  hidden_size: sizes.hiddenSize ?? 32,
  num_hidden_layers: sizes.numHiddenLayers ?? 2,
  num_attention_heads: sizes.numAttentionHeads ?? 4,
  intermediate_size: sizes.intermediateSize ?? 64,
  vocab_size: sizes.vocabSize ?? 100,
  max_position_embeddings: sizes.maxPositionEmbeddings ?? 64,
  type_vocab_size: 2,
  hidden_dropout_prob: sizes.dropout ?? 0,
  attention_probs_dropout_prob: sizes.dropout ?? 0,
});

/** The same for any family, under the keys of its own config.json. */
export function tinyHostConfig({ modelType = 'bert', ...sizes }: RandomHostOptions = {}): JsonObject {
  const { config: entries, positions, options } = familyOf(modelType);
  const tiny = tinyBertConfig(sizes);
  const usual = <Value>(entry: ConfigEntry<Value>) => ('key' in entry ? (entry.usual ?? entry.default) : entry.fixed);
  const values: Record<keyof typeof entries, string | number> = {
    hiddenSize: tiny.hidden_size,
    numHiddenLayers: tiny.num_hidden_layers,
    numAttentionHeads: tiny.num_attention_heads,
    intermediateSize: tiny.intermediate_size,
    vocabSize: tiny.vocab_size,
    maxPositionEmbeddings: tiny.max_position_embeddings + positions.reservedRows(usual(entries.padTokenId)),
    hiddenDropout: tiny.hidden_dropout_prob,
    attentionDropout: tiny.attention_probs_dropout_prob,
    typeVocabSize: usual(entries.typeVocabSize),
    hiddenActivation: usual(entries.hiddenActivation),
    layerNormEpsilon: usual(entries.layerNormEpsilon),
    padTokenId: usual(entries.padTokenId),
  };
  const keyed = Object.entries(entries).flatMap(([field, entry]) =>
    'key' in entry ? [[entry.key, values[field as keyof typeof entries]] as const] : [],
  );
  return { model_type: modelType, ...Object.fromEntries(keyed), ...options?.usual };
}

/**
 * A tiny host with random weights and, where its family has one, a pooler: for tests of methods. Weights come from named streams: the same seed
 * gives the same host on every backend. Affine weights are N(0, 1/inputs), tables N(0, 1), LayerNorm weights N(1, 0.01), biases N(0, 0.01), so
 * that wrong wiring shows.
 */
export function createRandomHost(options: RandomHostOptions = {}, seed = 0): Promise<EncoderHost> {
  const json = tinyHostConfig(options);
  const name = `random-${options.modelType ?? 'bert'}-${seed}`;
  const root = substream(createStream(seed), 'random-host');
  const arrays = expectedTensors(describeEncoder(parseHostConfig(json, name), true)).map((tensor) => {
    const { path, shape, role } = tensor;
    const mean = role === 'normWeight' ? 1 : 0;
    const deviation = deviationOf(tensor);
    const data = normals(substream(root, path), sizeOf(shape)).map((z) => mean + deviation * z);
    return [path, { shape, data }] as const;
  });
  return createHost({ config: json, tensors: memoryTensorSource(new Map(arrays)), name });
}

const deviationOf = ({ role, shape }: ExpectedTensor): number =>
  role === 'affineWeight' ? 1 / Math.sqrt(shape[1]!) : role === 'table' ? 1 : 0.1;
