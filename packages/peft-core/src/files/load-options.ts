import type { Adapter } from '../adapter.js';
import type { JsonObject } from '../json/json.js';
import type { PeftMethod } from '../method.js';
import type { NamedArrays } from '../parameters.js';
import type { NameReport } from './normalise-names.js';

/** What an adapter's files leave open. */
export interface LoadOptions {
  /** Load in spite of another fingerprint (the same weights in another precision, say). Shapes must still fit. */
  readonly allowOtherHost?: boolean;
  /** The method before folding, a simplex with all its vertices, where one is stored. */
  readonly unfolded?: boolean;
  /** Names of the labels of a folder that HF peft wrote, which has none. */
  readonly labels?: readonly string[];
  /** Names that the base model gives its outputs: taken where nothing else names them and their number is right. */
  readonly labelsOfBase?: readonly string[];
  /** Tensors of the head in the model's own files (`hostHeadNames`): HF peft runs what an adapter does not hold of a head with these. */
  readonly hostHead?: NamedArrays;
  /** Of the tokenizer that will make the ids; a warning if the adapter records another one. */
  readonly tokenizerDigest?: string;
  /**
   * The subfolder that holds the adapter: HF peft writes adapters with another name than `default` into one of that name. The other files are
   * not looked at.
   */
  readonly folder?: string;
  /** Is told what loads, but may not mean what it seems to. */
  readonly onWarning?: (message: string) => void;
}

/** What a load did to make sense of the files. What it cannot make sense of is an error, never an entry here. */
export interface LoadReport extends NameReport {
  readonly writtenBy: Writer;
  /** Tensors that the adapter was made of. */
  readonly tensors: number;
  /** Entries of adapter_config.json that have no effect here. */
  readonly ignoredEntries: readonly string[];
  /** Where the texts that it learned from were cut, in tokens, if its record says so. */
  readonly maxTokens?: number;
}

/** Which library wrote a folder. */
export type Writer = 'tfjs-peft' | 'hf-peft' | 'adapter-hub';

export interface LoadedAdapter extends Adapter {
  /** Entries of adapter_config.json that have no effect here; pass them to `saveAdapter` to keep them. */
  readonly extraConfig: JsonObject;
  readonly report: LoadReport;
}

/** A method and its effective parameters in host memory, with what a load kept. */
export interface LoadedArrays {
  readonly method: PeftMethod;
  readonly effective: NamedArrays;
  readonly extraConfig: JsonObject;
  readonly report: LoadReport;
}
