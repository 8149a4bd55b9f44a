import type { Adapter } from '../adapter.js';
import type { JsonObject } from '../json.js';
import type { PeftMethod } from '../method.js';
import type { NamedArrays } from '../parameters.js';

export interface LoadOptions {
  /** Load in spite of another fingerprint (the same weights in another precision, say). Shapes must still fit. */
  readonly allowOtherHost?: boolean;
  /** The method before folding, a simplex with all its vertices, where one is stored. */
  readonly unfolded?: boolean;
  /** Names of the labels of a folder that HF peft wrote, which has none. */
  readonly labels?: readonly string[];
  readonly onWarning?: (message: string) => void;
}

export interface LoadedAdapter extends Adapter {
  /** Entries of adapter_config.json that have no effect here; pass them to `saveAdapter` to keep them. */
  readonly extraConfig: JsonObject;
}

/** A method and its effective parameters in host memory, with what a load kept. */
export interface LoadedArrays {
  readonly method: PeftMethod;
  readonly effective: NamedArrays;
  readonly extraConfig: JsonObject;
}
