import type { ClassifierLayout, Readout } from '@tfjs-peft/peft-core';
import type { EncoderConfig, Family, LayerRole } from './family.js';
import { familyOf } from './families.js';

/** An embedding table, `[rows, size]`. */
export interface TableModule {
  readonly path: string;
  readonly rows: number;
  readonly size: number;
}

/** An affine map. */
export interface LinearModule {
  readonly path: string;
  /** Absent for a map outside the layers that is no pooler. */
  readonly role?: LayerRole | 'pooler';
  readonly layer?: number;
  readonly inputSize: number;
  readonly outputSize: number;
  /** False for a map without a bias. */
  readonly bias?: false;
}

/** The part of a layer that ends with a residual and a LayerNorm. */
export interface Sublayer {
  readonly path: string;
  readonly place: 'attention' | 'feedForward';
  /** Path of its LayerNorm, after the residual or before the sublayer. */
  readonly norm: string | undefined;
  readonly dropout: boolean;
}

/** One layer: its number, its paths and its maps. */
export interface EncoderLayer {
  readonly layer: number;
  readonly path: string;
  /** Path of the attention site. */
  readonly attention: string;
  /** Queries, keys and values: a map each, or one for all three. */
  readonly projections: readonly LinearModule[];
  readonly linears: Readonly<Record<'attentionOutput' | 'feedForwardIn' | 'feedForwardOut', LinearModule>>;
  /** The maps that make keys and queries of distances; those of words where they are shared. */
  readonly distanceMaps: { readonly key?: LinearModule; readonly query?: LinearModule };
  readonly sublayers: Readonly<Record<'attention' | 'feedForward', Sublayer>>;
}

/** The modules of one encoder with paths and sizes: what the pass, the list of sites and the list of tensors are made from. */
export interface Encoder {
  readonly config: EncoderConfig;
  readonly family: Family;
  readonly embeddings: {
    readonly path: string;
    readonly words: TableModule;
    /** Absent where words get no embedding of their place. */
    readonly positions: TableModule | undefined;
    readonly tokenTypes: TableModule | undefined;
    readonly norm: string;
    /** Columns of the tables. */
    readonly size: number;
    /** The map to the hidden size after the LayerNorm. */
    readonly projection: LinearModule | undefined;
  };
  /** Biases of attention scores by distance, a row a bucket and a column a head. */
  readonly distanceBias: TableModule | undefined;
  /** Rows that keys and queries of distances are made of, and the LayerNorm that they go through. */
  readonly distances: { readonly table: TableModule; readonly norm: string | undefined } | undefined;
  /** The layers with weights of their own. */
  readonly layers: readonly EncoderLayer[];
  /** Which of them the pass runs, one after the other: each once, unless the family shares them. */
  readonly order: readonly number[];
  /** The LayerNorm after the last one. */
  readonly finalNorm: string | undefined;
  /** Whether LayerNorms have biases. */
  readonly normBias: boolean;
  /** HF's classifier. */
  readonly classifier: ClassifierLayout;
  readonly pooler: LinearModule | undefined;
  /** The longest text, virtual tokens and shifts included. */
  readonly usablePositions: number;
}

/** The encoder that a configuration describes; `hasPooler` says whether the checkpoint holds the pooler that the family may have. */
export function describeEncoder(config: EncoderConfig, hasPooler: boolean): Encoder {
  const family = familyOf(config.modelType);
  const { embeddings, pooler, distanceBias } = family.modules;
  const { hiddenSize, options = {} } = config;
  const { embeddingSize = hiddenSize, sharedLayers, distanceBuckets } = options;
  const table = (name: string, rows: number): TableModule => ({
    path: `${embeddings.path}.${name}`,
    rows,
    size: embeddingSize,
  });
  const isProjected = embeddings.projection?.always || embeddingSize !== hiddenSize;
  const order = layerOrder(config);
  return {
    config,
    family,
    embeddings: {
      path: embeddings.path,
      words: table(embeddings.words, config.vocabSize),
      positions:
        options.absolutePositions === false ? undefined : table(embeddings.positions, config.maxPositionEmbeddings),
      tokenTypes:
        embeddings.tokenTypes === undefined || config.typeVocabSize === 0
          ? undefined
          : table(embeddings.tokenTypes, config.typeVocabSize),
      norm: `${embeddings.path}.${embeddings.norm}`,
      size: embeddingSize,
      projection:
        isProjected && embeddings.projection
          ? { path: embeddings.projection.path, inputSize: embeddingSize, outputSize: hiddenSize }
          : undefined,
    },
    distanceBias:
      distanceBias !== undefined && distanceBuckets !== undefined
        ? { path: distanceBias, rows: distanceBuckets, size: config.numAttentionHeads }
        : undefined,
    distances: describeDistances(config, family),
    layers: Array.from({ length: Math.max(...order) + 1 }, (_, layer) => {
      const inner = sharedLayers?.inner ?? 1;
      const path = family.modules.layers.path(Math.floor(layer / inner), layer % inner);
      return describeLayer(config, family, layer, path);
    }),
    order,
    finalNorm: family.modules.finalNorm,
    normBias: !family.modules.unbiased,
    classifier: classifierOf(config),
    pooler:
      hasPooler && pooler !== undefined
        ? { path: pooler, role: 'pooler', inputSize: hiddenSize, outputSize: hiddenSize }
        : undefined,
    usablePositions: config.maxPositionEmbeddings - family.positions.reservedRows(config.padTokenId),
  };
}

/** HF's classifier of a model: that of the family, reading what config.json says. */
export const classifierOf = ({ modelType, options }: EncoderConfig): ClassifierLayout => {
  const { classifier } = familyOf(modelType);
  return options?.classifierReadout ? { ...classifier, readout: options.classifierReadout } : classifier;
};

/**
 * Layer n of the pass runs the layers of group `⌊n · groups / layers⌋`, one after the other: HF's ALBERT has so many groups, not layers, in a row.
 */
function layerOrder({ numHiddenLayers, options }: EncoderConfig): readonly number[] {
  const { groups, inner } = options?.sharedLayers ?? { groups: numHiddenLayers, inner: 1 };
  return Array.from({ length: numHiddenLayers }, (_, step) => {
    const group = Math.floor(step / (numHiddenLayers / groups));
    return Array.from({ length: inner }, (_, index) => group * inner + index);
  }).flat();
}

function describeDistances({ hiddenSize, options }: EncoderConfig, { modules }: Family): Encoder['distances'] {
  const { disentangled } = options ?? {};
  if (!modules.distances || !disentangled) return undefined;
  return {
    table: { path: modules.distances.table, rows: 2 * disentangled.span, size: hiddenSize },
    norm: disentangled.norm ? modules.distances.norm : undefined,
  };
}

function describeLayer(config: EncoderConfig, { modules }: Family, layer: number, path: string): EncoderLayer {
  const { attention, linears, sublayers, distanceMaps } = modules.layers;
  const { hiddenSize, intermediateSize } = config;
  const { disentangled } = config.options ?? {};
  const linear = (role: LayerRole, inputSize = hiddenSize, outputSize = hiddenSize): LinearModule => ({
    path: `${path}.${(linears as Partial<Record<LayerRole, string>>)[role]!}`,
    role,
    layer,
    inputSize,
    outputSize,
    ...(modules.unbiased && { bias: false as const }),
  });
  const sublayer = (place: 'attention' | 'feedForward'): Sublayer => ({
    // ALBERT's feed-forward network has no module but its layer.
    path: sublayers[place].path === '' ? path : `${path}.${sublayers[place].path}`,
    place,
    norm:
      modules.layers.normFirst && place === 'attention' && layer === 0 ? undefined : `${path}.${sublayers[place].norm}`,
    dropout: sublayers[place].dropout,
  });
  const ofDistances = (part: 'c2p' | 'p2c', role: 'key' | 'query'): LinearModule | undefined => {
    if (!disentangled?.parts.includes(part)) return undefined;
    if (disentangled.sharesMaps || !distanceMaps) return linear(role);
    return { path: `${path}.${distanceMaps[role]}`, layer, inputSize: hiddenSize, outputSize: hiddenSize };
  };
  return {
    layer,
    path,
    distanceMaps: { key: ofDistances('c2p', 'key'), query: ofDistances('p2c', 'query') },
    attention: `${path}.${attention}`,
    projections:
      'queryKeyValue' in linears
        ? [linear('queryKeyValue', hiddenSize, 3 * hiddenSize)]
        : [linear('query'), linear('key'), linear('value')],
    linears: {
      attentionOutput: linear('attentionOutput'),
      feedForwardIn: linear('feedForwardIn', hiddenSize, (modules.layers.gated ? 2 : 1) * intermediateSize),
      feedForwardOut: linear('feedForwardOut', intermediateSize, hiddenSize),
    },
    sublayers: { attention: sublayer('attention'), feedForward: sublayer('feedForward') },
  };
}

/** The maps of distances that are not those of words. */
const ownDistanceMaps = ({ distanceMaps: { key, query } }: EncoderLayer): readonly LinearModule[] =>
  [key, query].filter((map) => map !== undefined && map.role === undefined) as LinearModule[];

/** The affine maps of a layer before attention's scores. */
export const mapsToHeads = (layer: EncoderLayer): readonly LinearModule[] => [
  ...layer.projections,
  ...ownDistanceMaps(layer),
];

export const tablesOf = (encoder: Encoder): readonly TableModule[] => {
  const { embeddings, distanceBias, distances } = encoder;
  const { words, positions, tokenTypes } = embeddings;
  return [words, positions, tokenTypes, distanceBias, distances?.table].filter((table) => table !== undefined);
};

/** The readouts that a host offers: `pooler` only where the checkpoint has one. */
export const readoutsOf = ({ pooler }: Encoder): readonly Readout[] =>
  pooler ? ['cls', 'pooler', 'mean'] : ['cls', 'mean'];

/** The readout of HF's classifier where the encoder offers it, else the first token. */
export const usualReadout = (encoder: Encoder): Readout => {
  const { readout } = encoder.classifier;
  return readoutsOf(encoder).includes(readout) ? readout : 'cls';
};
