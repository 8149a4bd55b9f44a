import type { LinearModule as EncoderLinear, TableModule } from '../architecture/encoder.js';
import { decoderFamilyOf } from './families.js';
import type { DecoderConfig, DecoderFamily, DecoderRole } from './family.js';

/** An affine map of a layer. */
export interface DecoderLinear extends Omit<EncoderLinear, 'role'> {
  readonly role: DecoderRole;
  readonly layer: number;
  readonly hasBias: boolean;
}

/** The part of a layer between a norm and a residual. */
export interface DecoderSublayer {
  readonly path: string;
  readonly place: 'attention' | 'feedForward';
  /** Path of the norm before it. */
  readonly norm: string;
}

/** One layer: its number, its paths and its maps in the order of the forward pass. */
export interface DecoderLayer {
  readonly layer: number;
  readonly path: string;
  /** Path of the attention site. */
  readonly attention: string;
  /** One map for all three, or one each. */
  readonly projections: readonly DecoderLinear[];
  readonly attentionOutput: DecoderLinear;
  /** There in a gated feed-forward network. */
  readonly feedForwardGate: DecoderLinear | undefined;
  readonly feedForwardIn: DecoderLinear;
  readonly feedForwardOut: DecoderLinear;
  readonly sublayers: Readonly<Record<'attention' | 'feedForward', DecoderSublayer>>;
  /** Paths of the norms of queries and keys, where there are any. */
  readonly headNorms: Readonly<Record<'query' | 'key', string>> | undefined;
}

/** The modules of one decoder with paths and sizes: what the pass, the list of sites and the list of tensors are made from. */
export interface Decoder {
  readonly config: DecoderConfig;
  readonly family: DecoderFamily;
  readonly words: TableModule;
  readonly positions: TableModule | undefined;
  readonly layers: readonly DecoderLayer[];
  /** Path of the norm after the last layer. */
  readonly finalNorm: string;
  /** The table that scores the next token: that of the words, one of its own, or none in a checkpoint without one. */
  readonly outputTable: string | undefined;
}

/** Path of output embeddings that are not the word embeddings. */
export const ownOutputTable = 'lm_head';

/** The decoder that a configuration describes; `hasOutput` says whether the checkpoint holds output embeddings of its own. */
export function describeDecoder(config: DecoderConfig, hasOutput: boolean): Decoder {
  const family = decoderFamilyOf(config.modelType);
  const { words, positions, finalNorm } = family.modules;
  return {
    config,
    family,
    words: { path: words, rows: config.vocabSize, size: config.hiddenSize },
    positions:
      positions === undefined
        ? undefined
        : { path: positions, rows: config.maxPositionEmbeddings, size: config.hiddenSize },
    layers: Array.from({ length: config.numHiddenLayers }, (_, layer) => describeLayer(config, family, layer)),
    finalNorm,
    outputTable: config.tiedEmbeddings ? words : hasOutput ? ownOutputTable : undefined,
  };
}

function describeLayer(config: DecoderConfig, { modules }: DecoderFamily, layer: number): DecoderLayer {
  const { layers } = modules;
  const { hiddenSize, intermediateSize, biases } = config;
  const path = `${layers.path}.${layer}`;
  const querySize = config.numAttentionHeads * config.headSize;
  const keySize = config.numKeyValueHeads * config.headSize;
  const linear = (role: DecoderRole, inputSize: number, outputSize: number, hasBias: boolean): DecoderLinear[] => {
    const module = layers.linears[role];
    return module === undefined ? [] : [{ path: `${path}.${module}`, role, layer, inputSize, outputSize, hasBias }];
  };
  const sublayer = (place: 'attention' | 'feedForward'): DecoderSublayer => ({
    path: `${path}.${layers[place]}`,
    place,
    norm: `${path}.${layers.norms[place]}`,
  });
  return {
    layer,
    path,
    attention: `${path}.${layers.attention}`,
    projections: [
      ...linear('queryKeyValue', hiddenSize, querySize + 2 * keySize, biases.projections),
      ...linear('query', hiddenSize, querySize, biases.projections),
      ...linear('key', hiddenSize, keySize, biases.projections),
      ...linear('value', hiddenSize, keySize, biases.projections),
    ],
    attentionOutput: linear('attentionOutput', querySize, hiddenSize, biases.attentionOutput)[0]!,
    feedForwardGate: linear('feedForwardGate', hiddenSize, intermediateSize, biases.feedForward)[0],
    feedForwardIn: linear('feedForwardIn', hiddenSize, intermediateSize, biases.feedForward)[0]!,
    feedForwardOut: linear('feedForwardOut', intermediateSize, hiddenSize, biases.feedForward)[0]!,
    sublayers: { attention: sublayer('attention'), feedForward: sublayer('feedForward') },
    headNorms: config.headNorms
      ? { query: `${path}.${layers.headNorms.query}`, key: `${path}.${layers.headNorms.key}` }
      : undefined,
  };
}

/** The affine maps of the feed-forward network in the order of the forward pass. */
export const feedForwardOf = ({ feedForwardGate, feedForwardIn, feedForwardOut }: DecoderLayer): DecoderLinear[] => [
  ...(feedForwardGate ? [feedForwardGate] : []),
  feedForwardIn,
  feedForwardOut,
];
