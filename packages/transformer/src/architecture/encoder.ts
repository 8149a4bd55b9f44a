import type { Readout } from '@tfjs-peft/peft-core';
import type { EncoderConfig, Family, LayerRole } from './family.js';
import { familyOf } from './families.js';

/** An embedding table, `[rows, hidden]`. */
export interface TableModule {
  readonly path: string;
  readonly rows: number;
}

/** An affine map. */
export interface LinearModule {
  readonly path: string;
  readonly role: LayerRole | 'pooler';
  readonly layer?: number;
  readonly inputSize: number;
  readonly outputSize: number;
}

/** The part of a layer that ends with a residual and a LayerNorm. */
export interface Sublayer {
  readonly path: string;
  readonly place: 'attention' | 'feedForward';
  /** Path of its LayerNorm. */
  readonly norm: string;
  readonly dropout: boolean;
}

/** One layer: its number, its paths and its maps. */
export interface EncoderLayer {
  readonly layer: number;
  readonly path: string;
  /** Path of the attention site. */
  readonly attention: string;
  readonly linears: Readonly<Record<LayerRole, LinearModule>>;
  readonly sublayers: Readonly<Record<'attention' | 'feedForward', Sublayer>>;
}

/** The modules of one encoder with paths and sizes: what the pass, the list of sites and the list of tensors are made from. */
export interface Encoder {
  readonly config: EncoderConfig;
  readonly family: Family;
  readonly embeddings: {
    readonly path: string;
    readonly words: TableModule;
    readonly positions: TableModule;
    readonly tokenTypes: TableModule | undefined;
    readonly norm: string;
  };
  readonly layers: readonly EncoderLayer[];
  readonly pooler: LinearModule | undefined;
  /** The longest text, virtual tokens and shifts included. */
  readonly usablePositions: number;
}

/** The encoder that a configuration describes; `hasPooler` says whether the checkpoint holds the pooler that the family may have. */
export function describeEncoder(config: EncoderConfig, hasPooler: boolean): Encoder {
  const family = familyOf(config.modelType);
  const { embeddings, pooler } = family.modules;
  const { hiddenSize } = config;
  const table = (name: string, rows: number): TableModule => ({ path: `${embeddings.path}.${name}`, rows });
  return {
    config,
    family,
    embeddings: {
      path: embeddings.path,
      words: table(embeddings.words, config.vocabSize),
      positions: table(embeddings.positions, config.maxPositionEmbeddings),
      tokenTypes: embeddings.tokenTypes === undefined ? undefined : table(embeddings.tokenTypes, config.typeVocabSize),
      norm: `${embeddings.path}.${embeddings.norm}`,
    },
    layers: Array.from({ length: config.numHiddenLayers }, (_, layer) => describeLayer(config, family, layer)),
    pooler:
      hasPooler && pooler !== undefined
        ? { path: pooler, role: 'pooler', inputSize: hiddenSize, outputSize: hiddenSize }
        : undefined,
    usablePositions: config.maxPositionEmbeddings - family.positions.reservedRows(config.padTokenId),
  };
}

function describeLayer(config: EncoderConfig, { modules }: Family, layer: number): EncoderLayer {
  const { attention, linears, sublayers } = modules.layers;
  const { hiddenSize, intermediateSize } = config;
  const path = `${modules.layers.path}.${layer}`;
  const linear = (role: LayerRole, inputSize = hiddenSize, outputSize = hiddenSize): LinearModule => ({
    path: `${path}.${linears[role]}`,
    role,
    layer,
    inputSize,
    outputSize,
  });
  const sublayer = (place: 'attention' | 'feedForward'): Sublayer => ({
    path: `${path}.${sublayers[place].path}`,
    place,
    norm: `${path}.${sublayers[place].norm}`,
    dropout: sublayers[place].dropout,
  });
  return {
    layer,
    path,
    attention: `${path}.${attention}`,
    linears: {
      query: linear('query'),
      key: linear('key'),
      value: linear('value'),
      attentionOutput: linear('attentionOutput'),
      feedForwardIn: linear('feedForwardIn', hiddenSize, intermediateSize),
      feedForwardOut: linear('feedForwardOut', intermediateSize, hiddenSize),
    },
    sublayers: { attention: sublayer('attention'), feedForward: sublayer('feedForward') },
  };
}

/** The affine maps of one layer in the order of the forward pass. */
export const linearsOf = ({ linears }: EncoderLayer): readonly LinearModule[] => [
  linears.query,
  linears.key,
  linears.value,
  linears.attentionOutput,
  linears.feedForwardIn,
  linears.feedForwardOut,
];

export const tablesOf = ({ embeddings: { words, positions, tokenTypes } }: Encoder): readonly TableModule[] => [
  words,
  positions,
  ...(tokenTypes ? [tokenTypes] : []),
];

/** The readouts that a host offers: `pooler` only where the checkpoint has one. */
export const readoutsOf = ({ pooler }: Encoder): readonly Readout[] =>
  pooler ? ['cls', 'pooler', 'mean'] : ['cls', 'mean'];

/** The readout of HF's classifier where the encoder offers it, else the first token. */
export const usualReadout = (encoder: Encoder): Readout => {
  const { readout } = encoder.family.classifier;
  return readoutsOf(encoder).includes(readout) ? readout : 'cls';
};
