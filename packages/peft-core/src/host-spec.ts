/**
 * How hidden states become one vector a text: state of the first token, its tanh pooler, the mean over tokens that are not padding, the state of
 * the last of these (`last`), which alone has seen the whole text in a decoder, or on hosts with the head of a masked language model what that
 * head makes of the state at the mask (`mask`).
 */
export type Readout = 'cls' | 'pooler' | 'mean' | 'last' | 'mask';

/** All readouts. */
export const readouts: readonly Readout[] = ['cls', 'pooler', 'mean', 'last', 'mask'];

/**
 * What an affine map is for: lets methods have defaults that hold on every architecture. `queryKeyValue` is one map for all three (GPT-2),
 * `feedForwardGate` the one whose activation multiplies the output of `feedForwardIn` (SwiGLU).
 */
export type LinearRole =
  | 'query'
  | 'key'
  | 'value'
  | 'queryKeyValue'
  | 'attentionOutput'
  | 'feedForwardIn'
  | 'feedForwardGate'
  | 'feedForwardOut'
  | 'pooler';

/** A named place of a host where a method may act. Paths are torch module paths, `encoder.layer.3.attention.self.query`. */
export type Site =
  | { readonly kind: 'embeddings'; readonly path: string; readonly size: number }
  | { readonly kind: 'table'; readonly path: string; readonly rows: number; readonly size: number }
  | {
      readonly kind: 'linear';
      readonly path: string;
      readonly role?: LinearRole;
      readonly layer?: number;
      readonly inputSize: number;
      readonly outputSize: number;
      /** False for a map without a bias. */
      readonly bias?: false;
    }
  | {
      readonly kind: 'norm';
      readonly path: string;
      readonly layer?: number;
      /** Of a norm outside the layers: after them, or of relative distances; that of the embeddings if absent. */
      readonly place?: 'final' | 'distances';
      readonly size: number;
      /** False for a norm without a bias (RMSNorm). */
      readonly bias?: false;
    }
  | {
      readonly kind: 'attention';
      readonly path: string;
      readonly layer: number;
      readonly heads: number;
      readonly headSize: number;
    }
  | {
      readonly kind: 'sublayer';
      readonly path: string;
      readonly layer: number;
      readonly place: 'attention' | 'feedForward';
      readonly size: number;
    }
  | { readonly kind: 'hidden'; readonly path: string; readonly layer: number; readonly size: number }
  | { readonly kind: 'tensor'; readonly path: string; readonly shape: readonly number[] }
  | { readonly kind: 'readout'; readonly path: string; readonly size: number; readonly readouts: readonly Readout[] };

/** What a site is: `linear`, `attention`, `readout`, … */
export type SiteKind = Site['kind'];

/** Activations after a head's dense layer; `gelu` is the exact one (erf). */
export const headActivations = ['tanh', 'relu', 'gelu'] as const;
/** Name of one of them. */
export type HeadActivation = (typeof headActivations)[number];

/** How HF's classifier of an architecture looks: an optional dense layer with an activation, then an affine map, on one readout. */
export interface ClassifierLayout {
  /** `classifier.dense` of RoBERTa, `pre_classifier` of DistilBERT; absent for one affine map. */
  readonly hidden?: {
    readonly path: string;
    readonly activation: HeadActivation;
    /** A LayerNorm after the activation; it and the dense layer have no biases then. */
    readonly norm?: string;
  };
  /** `classifier`, `classifier.out_proj`. */
  readonly output: string;
  readonly readout: Readout;
  /** False where HF's map to the labels has no bias (`score` of decoders). */
  readonly bias?: false;
}

/** What Python's libraries do with an architecture in ways of their own, as far as adapter files depend on it. What is absent is as for BERT. */
export interface PythonTraits {
  /** False where HF's attention takes no keys and values from outside: HF peft refuses prefix tuning there. */
  readonly takesPastKeyValues?: boolean;
  /** True where HF keeps the weights of affine maps as `[input, output]` (Conv1D of GPT-2): `fan_in_fan_out` of HF peft. */
  readonly storesInputFirst?: boolean;
  /** Whether position ids depend on which tokens are padding. */
  readonly positionsSkipPadding?: boolean;
  /** Ends of the paths that HF peft gates with IA3 where a file names none; absent where HF peft wants them named. */
  readonly usualGates?: { readonly targets: readonly string[]; readonly feedForward: readonly string[] };
  /** Modules of a layer that hold AdapterHub's bottlenecks, where these are not in the sublayers themselves. */
  readonly bottleneckModules?: Readonly<Record<'attention' | 'feedForward', string>>;
}

/** Everything about a host that can be known without touching a tensor. */
export interface HostSpec {
  /** `bert`, as in the host's config.json. */
  readonly modelType: string;
  /** Attribute under which HF classes keep the encoder (`bert` in `BertForSequenceClassification`): part of names in HF files. */
  readonly baseModelPrefix: string;
  readonly classifier: ClassifierLayout;
  readonly python?: PythonTraits;
  readonly hiddenSize: number;
  /** Layers that a pass runs. Where a family shares weights, fewer have sites: a site is a module, whatever acts there acts each time it runs. */
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** The longest text in tokens: positions that the table reserves, as RoBERTa's does, are not counted. */
  readonly maxPositionEmbeddings: number;
  readonly padTokenId: number;
  /** Rates of dropout in training, in the order of the configuration; absent if all are 0. No part of the fingerprint: they are a choice. */
  readonly dropout?: readonly number[];
  readonly defaultReadout: Readout;
  /** There if the host predicts the next token: a decoder, whose tokens see what stands before them alone. */
  readonly languageModel?: {
    readonly vocabSize: number;
    /** True if the output embeddings are the word embeddings: what changes the weight of their table changes both. */
    readonly tied: boolean;
    /** Heads of keys and values, fewer than those of queries where they are grouped. */
    readonly keyValueHeads: number;
    readonly headSize: number;
  };
  readonly sites: readonly Site[];
  /** SHA-256 over the architecture and all weights: says whether an adapter was made for this host. */
  readonly fingerprint: string;
  /** Where the host came from, for messages and files: a Hub name or a folder name. */
  readonly name: string;
}

/** The sites of one kind, in the order of the forward pass. */
export const sitesOfKind = <K extends SiteKind>(host: HostSpec, kind: K): Extract<Site, { kind: K }>[] =>
  host.sites.filter((site): site is Extract<Site, { kind: K }> => site.kind === kind);
