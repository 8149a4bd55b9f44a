import type { LinearRole, PythonTraits } from '@tfjs-peft/peft-core';
import type { DecoderType } from '../architecture/decoder-types.js';
import type { ActivationName } from '../kernels/activations.js';

/** A validated architecture. Sizes are numbers of elements; rates are probabilities. */
export interface DecoderConfig {
  readonly modelType: DecoderType;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Fewer than `numAttentionHeads` where several heads of queries share one of keys and values (Ainslie et al. 2023, arXiv 2305.13245). */
  readonly numKeyValueHeads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  readonly hiddenActivation: ActivationName;
  readonly embeddingDropout: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly maxPositionEmbeddings: number;
  readonly layerNormEpsilon: number;
  readonly norm: 'layer' | 'rms';
  /** Base of the angles of rotary positions; null for a table of learned positions. */
  readonly rotaryBase: number | null;
  /** Which affine maps have a bias. */
  readonly biases: Readonly<Record<'projections' | 'attentionOutput' | 'feedForward', boolean>>;
  /** Whether queries and keys are normalised head by head before they are rotated. */
  readonly headNorms: boolean;
  /** Whether the output embeddings are the word embeddings. */
  readonly tiedEmbeddings: boolean;
  readonly padTokenId: number;
  /** Tokens that end a text, as config.json names them. */
  readonly endTokenIds: readonly number[];
}

/** Roles of the affine maps of a decoder's layer. */
export type DecoderRole = Exclude<LinearRole, 'pooler'>;

/** A key of config.json with the values that this package computes; absent means the first one. */
export interface RequiredValue {
  readonly key: string;
  readonly allowed: readonly unknown[];
  /** What another value stands for, for the message. */
  readonly meaning: string;
}

/**
 * A family of decoders as data: what its modules are called, how its config.json is read, and the few places where it computes differently.
 * One decoder reads it.
 */
export interface DecoderFamily {
  /** For messages: `Llama`. */
  readonly name: string;
  /** Beginning of the names of HF's classes: `Llama` of `LlamaForCausalLM`. */
  readonly className: string;
  /** End of the name of HF's class with the output embeddings: `LMHeadModel` of GPT-2, else `ForCausalLM`. */
  readonly languageModelClass: 'LMHeadModel' | 'ForCausalLM';
  /** Attribute under which HF classes keep the decoder, the prefix of its tensors in checkpoints of whole models. */
  readonly baseModelPrefix: string;
  readonly python?: PythonTraits;
  /** Keys of config.json with the defaults of HF's configuration class. */
  readonly config: {
    readonly [
      Field in
        | 'vocabSize'
        | 'hiddenSize'
        | 'numHiddenLayers'
        | 'numAttentionHeads'
        | 'intermediateSize'
        | 'hiddenActivation'
        | 'maxPositionEmbeddings'
        | 'layerNormEpsilon'
        | 'tiedEmbeddings'
    ]: { readonly key: string; readonly default: DecoderConfig[Field] | null };
  };
  /** What needs more than a key. */
  readonly rest: (
    json: Readonly<Record<string, unknown>>,
    sizes: Pick<DecoderConfig, 'hiddenSize' | 'numAttentionHeads'>,
  ) => Readonly<Record<DerivedField, unknown>>;
  readonly requiredValues: readonly RequiredValue[];
  readonly modules: {
    readonly words: string;
    /** The table of learned positions, where there is one. */
    readonly positions?: string;
    readonly layers: {
      readonly path: string;
      readonly attention: string;
      readonly feedForward: string;
      readonly norms: Readonly<Record<'attention' | 'feedForward', string>>;
      readonly linears: Partial<Readonly<Record<DecoderRole, string>>>;
      readonly headNorms: Readonly<Record<'query' | 'key', string>>;
    };
    readonly finalNorm: string;
  };
  /** Whether checkpoints hold weights of affine maps as `[input, output]`. */
  readonly inputFirst: boolean;
  /** Paths of stored buffers that are no weights. */
  readonly buffers: RegExp;
}

/** Fields of a configuration that a family derives from several keys. */
type DerivedField =
  | 'numKeyValueHeads'
  | 'headSize'
  | 'embeddingDropout'
  | 'hiddenDropout'
  | 'attentionDropout'
  | 'rotaryBase'
  | 'biases'
  | 'headNorms'
  | 'norm'
  | 'padTokenId';
