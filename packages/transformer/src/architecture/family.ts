import type { ClassifierLayout, LinearRole, PythonTraits, Readout } from '@tfjs-peft/peft-core';
import type { Json, JsonObject } from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import type { ActivationName } from '../kernels/activations.js';
import type { PositionRule } from './position-rules.js';

/**
 * An architecture as data: what its modules are called, how its config.json is read, and the few places where it computes differently. One
 * encoder reads it, so a new family is a new file beside `bert.ts` and a line in `families.ts`.
 */
export interface Family {
  /** For messages: `RoBERTa`. */
  readonly name: string;
  /** Beginning of the names of HF's classes: `XLMRoberta` of `XLMRobertaModel`, `XLMRobertaForSequenceClassification`. */
  readonly className: string;
  /** Attribute under which HF classes keep the encoder, the prefix of its tensors in checkpoints of whole models: `roberta`. */
  readonly baseModelPrefix: string;
  readonly config: ConfigEntries;
  /** How it reads from config.json what BERT has no entries for; absent if there is nothing. */
  readonly options?: OptionReader;
  /** Keys of config.json of which only some values are computed here; `absent` is what HF's configuration class takes without the key. */
  readonly only?: Readonly<Record<string, { readonly absent: Json; readonly allowed: readonly Json[] }>>;
  readonly modules: FamilyModules;
  readonly positions: PositionRule;
  readonly classifier: ClassifierLayout;
  readonly python?: PythonTraits;
  readonly mlmHead: MlmHeadLayout;
  /** Beginnings of names of tensors that belong to heads of pretraining and of tasks. */
  readonly headPrefixes: readonly string[];
}

/** Names of architectures in config.json. */
export type ModelType =
  | 'bert'
  | 'roberta'
  | 'xlm-roberta'
  | 'camembert'
  | 'distilbert'
  | 'electra'
  | 'mpnet'
  | 'albert'
  | 'deberta-v2'
  | 'modernbert';

/** What an encoder computes otherwise than BERT; what is absent is as there. */
export interface EncoderOptions {
  /** Columns of the embedding tables, which an affine map then brings to the hidden size. */
  readonly embeddingSize?: number;
  /** Layers with weights of their own, each run several times in a row (ALBERT, arXiv 1909.11942, section 3.1). */
  readonly sharedLayers?: { readonly groups: number; readonly inner: number };
  /** Rows of the table of biases that attention adds to scores by distance (MPNet, after T5, arXiv 1910.10683, section 2.1). */
  readonly distanceBuckets?: number;
  /** Scores from distances, each with a row of its own that keys and queries are made of. */
  readonly disentangled?: DisentangledOptions;
  /** False where words get no embedding of their place. */
  readonly absolutePositions?: false;
  /** Queries and keys that are turned by their place, a choice for each layer. */
  readonly rotary?: readonly RotaryLayer[];
  /** What HF's classifier reads, where config.json says so. */
  readonly classifierReadout?: Readout;
}

/** Rotary positions of a layer (Su et al. 2021, arXiv 2104.09864) and what it sees (ModernBERT, arXiv 2412.13663, section 2.1.2). */
export interface RotaryLayer {
  readonly base: number;
  /** Keys at most so far from a query are seen; all of them if absent. */
  readonly window?: number;
}

/** Disentangled attention (DeBERTa, He et al. 2021, arXiv 2006.03654, section 3.1; buckets and shared maps: v3, arXiv 2111.09543). */
export interface DisentangledOptions {
  /** Distances, or buckets of them, on each side; the table has twice as many rows. */
  readonly span: number;
  /** From what distance on all are in one bucket, where there are buckets. */
  readonly farthest?: number;
  /** Queries of words with keys of distances; keys of words with queries of distances. */
  readonly parts: readonly ('c2p' | 'p2c')[];
  /** Whether the maps of words make keys and queries of distances too, or others do. */
  readonly sharesMaps: boolean;
  /** Whether the table goes through a LayerNorm. */
  readonly norm: boolean;
}

/** Reads options from config.json. */
export interface OptionReader {
  /** The keys that it reads, with their types. */
  readonly keys: Readonly<Record<string, z.ZodType>>;
  /** From checked entries; `config` has all other fields. */
  read(entries: JsonObject, config: EncoderConfig): EncoderOptions;
  /** Entries of random hosts. */
  readonly usual: JsonObject;
}

/** A validated architecture. Sizes are numbers of elements; rates are probabilities. */
export interface EncoderConfig {
  readonly modelType: ModelType;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenActivation: ActivationName;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  /** Rows of the position table, those that no text uses among them. */
  readonly maxPositionEmbeddings: number;
  /** 0 in families without token types. */
  readonly typeVocabSize: number;
  readonly layerNormEpsilon: number;
  readonly padTokenId: number;
  /** Absent in families that have none, so that fingerprints stay what they were. */
  readonly options?: EncoderOptions;
}

/** Where an entry of the configuration comes from: a key of config.json with its default, or nothing but a constant. */
export type ConfigEntry<Value> =
  | {
      readonly key: string;
      /** What HF's configuration class takes where the key is absent. */
      readonly default: Value;
      /** What published models hold, where that is something else: random hosts take it. */
      readonly usual?: Value;
    }
  | { readonly fixed: Value };

export type ConfigEntries = {
  readonly [Field in Exclude<keyof EncoderConfig, 'modelType' | 'options'>]: ConfigEntry<
    EncoderConfig[Field] extends number ? number : string
  >;
};

/** Roles of the affine maps of a layer. */
export type LayerRole = Exclude<LinearRole, 'pooler' | 'feedForwardGate'>;

/** Roles of the maps after attention's scores. */
type OutputRole = 'attentionOutput' | 'feedForwardIn' | 'feedForwardOut';

/** Maps to queries, keys and values: one each, or one for all three side by side. */
type ProjectionModules = Readonly<Record<'query' | 'key' | 'value', string>> | { readonly queryKeyValue: string };

/** Module names: of embeddings below `embeddings.path`, of layers below `layers.path` and the layer's number. */
export interface FamilyModules {
  readonly embeddings: {
    readonly path: string;
    readonly words: string;
    readonly positions: string;
    /** Absent in families without token types. */
    readonly tokenTypes?: string;
    readonly norm: string;
    /** The map from the embeddings' size to the hidden size, by its whole path; there is none where the sizes are equal, unless it says `always`. */
    readonly projection?: { readonly path: string; readonly always: boolean };
  };
  /** The table of biases by distance, by its whole path. */
  readonly distanceBias?: string;
  /** The table of rows by distance and its LayerNorm, by their whole paths. */
  readonly distances?: { readonly table: string; readonly norm: string };
  readonly layers: {
    /** Path of a layer by its number: `encoder.layer.3`; `inner` of layers that groups share. */
    readonly path: (layer: number, inner?: number) => string;
    /** The module that computes attention, where prefixes act. */
    readonly attention: string;
    readonly linears: Readonly<Record<OutputRole, string>> & ProjectionModules;
    /** LayerNorms stand before the sublayers, and none before the first attention, instead of after the residuals. */
    readonly normFirst?: true;
    /** The first map of the feed-forward network is twice as wide: an activation on one half times the other (GeGLU, arXiv 2002.05202). */
    readonly gated?: true;
    /** The maps that make keys and queries of distances where those of words do not. */
    readonly distanceMaps?: Readonly<Record<'key' | 'query', string>>;
    readonly sublayers: Readonly<Record<'attention' | 'feedForward', SublayerModules>>;
  };
  /** The dense layer of the pooler; absent in families without one. */
  readonly pooler?: string;
  /** The LayerNorm after the last layer, where layers end without one. */
  readonly finalNorm?: string;
  /** Maps and LayerNorms have no biases. */
  readonly unbiased?: true;
}

interface SublayerModules {
  /** The module whose output the residual is added to, where adapters act; empty for the layer itself. */
  readonly path: string;
  /** The LayerNorm after the residual. */
  readonly norm: string;
  /** Whether hidden dropout acts on the output before the residual. */
  readonly dropout: boolean;
}

/** The stored modules of a masked-language-model head: dense layer, activation, LayerNorm, then a product with the vocabulary and a bias. */
interface MlmHeadLayout {
  readonly dense: string;
  readonly norm: string;
  /** Its weight is that of the word embeddings unless one is stored. */
  readonly decoder: string;
  /** Names under which versions of HF transformers store the bias of the vocabulary. */
  readonly biases: readonly string[];
  /** `hidden` for the activation of config.json. */
  readonly activation: 'hidden' | 'gelu';
  /** Dense layer and LayerNorm have no biases. */
  readonly unbiased?: true;
}
