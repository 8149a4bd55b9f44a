import type { HostSpec } from '@tfjs-peft/peft-core';
import { isDecoderType } from '../architecture/decoder-types.js';
import { readDecoderSpec } from '../decoder/host-spec.js';
import { type HostSpecOptions, readEncoderSpec } from '../encoder/host-spec.js';

/**
 * What a host will be, from its configuration and the headers of its weights: for plans, without reading a weight. The fingerprint, which needs the
 * weights, is empty. Errors: `HOST_CONFIG_INVALID`, `CONFIG_INVALID`, `HOST_UNSUPPORTED`, `HOST_CONFIG_INCONSISTENT`; `TENSOR_MISSING`,
 * `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`; `READOUT_UNAVAILABLE`.
 */
export function readHostSpec(options: HostSpecOptions): HostSpec {
  const { config, tensors, name, defaultReadout } = options;
  const isDecoder =
    typeof config === 'object' && config !== null && 'model_type' in config && isDecoderType(config.model_type);
  return isDecoder ? readDecoderSpec(config, tensors, name, defaultReadout) : readEncoderSpec(options);
}
