import type { HostSpec } from './host-spec.js';
import type { JsonObject } from './json/json.js';
import type { NamedArrays } from './parameters.js';

/**
 * One bijection between effective parameters and what HF peft stores, used by save and load alike.
 * Names of stored tensors are complete (`base_model.classifier.weight`).
 */
export interface FileCodec {
  readonly peftType: string;
  /** Prefix of a head's tensors in the same file: `base_model.` for prompt learning, `base_model.model.` for injected methods. */
  readonly headPrefix: string;
  /** True where HF peft keeps no head beside the method: it runs with that of the model, if there is one. */
  readonly headless?: true;
  /** True for what stands in the folder of another method: HF peft stores it with any (`modules_to_save`). */
  readonly beside?: true;
  /** Of what stands beside: types of HF peft that have a place for it; absent if all have. */
  readonly besideTypes?: readonly string[];
  /** Paths of frozen tensors that `encode` and `decode` need: where HF peft stores whole values and we differences. */
  hostTensors?(host: HostSpec): readonly string[];
  /** `frozen` holds the tensors of `hostTensors`, weights of affine maps as `[input, output]`. */
  encode(effective: NamedArrays, host: HostSpec, frozen: NamedArrays): EncodedAdapter;
  /** Strict: every tensor is claimed, every claimed one is there with its shape. */
  decode(tensors: NamedArrays, host: HostSpec, frozen: NamedArrays): NamedArrays;
}

/** A method as HF peft stores it. */
export interface EncodedAdapter {
  /** Keys of adapter_config.json that this method owns. */
  readonly config: JsonObject;
  readonly tensors: NamedArrays;
  /** Why HF peft would compute something else from these files; empty if it computes the same. */
  readonly differences: readonly string[];
}
