import type { HostSpec, Readout } from '@tfjs-peft/peft-core';
import { type Encoder, readoutsOf, usualReadout } from '../architecture/encoder.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { expectedTensors } from '../weights/expected-tensors.js';
import { matchTensors } from '../weights/match-tensors.js';
import type { TensorSource } from '../weights/tensor-source.js';
import { readoutUnavailable } from '../model/readout-unavailable.js';
import { listSites } from './list-sites.js';
import { dropoutOf } from '../model/dropout-of.js';

/** What a specification is read from; no tensor is loaded. */
export interface HostSpecOptions {
  /** The parsed config.json. */
  readonly config: unknown;
  /** Only names and shapes are looked at. */
  readonly tensors: Pick<TensorSource, 'tensors'>;
  readonly name: string;
  /** The usual readout; if absent that of HF's classifier where the checkpoint has it, else `cls`. */
  readonly defaultReadout?: Readout;
}

/**
 * The specification of an encoder from its configuration and the headers of its weights; the fingerprint, which needs the weights, is empty. Errors: those of {@link parseHostConfig}; `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`; `READOUT_UNAVAILABLE`.
 */
export function readEncoderSpec({ config, tensors, name, defaultReadout }: HostSpecOptions): HostSpec {
  const { encoder } = matchTensors(parseHostConfig(config, name), tensors, name);
  return specOf(encoder, name, '', defaultReadout);
}

/** Errors: `READOUT_UNAVAILABLE`. */
export function specOf(encoder: Encoder, name: string, fingerprint: string, wanted: Readout | undefined): HostSpec {
  const { config, family, usablePositions } = encoder;
  const defaultReadout = wanted ?? usualReadout(encoder);
  if (!readoutsOf(encoder).includes(defaultReadout))
    throw readoutUnavailable(defaultReadout, name, readoutsOf(encoder));
  const shapes = expectedTensors(encoder).map(
    ({ path, shape, role }) => [path, role === 'affineWeight' ? [...shape].reverse() : shape] as const,
  );
  return {
    modelType: config.modelType,
    baseModelPrefix: family.baseModelPrefix,
    classifier: encoder.classifier,
    ...(family.python && { python: family.python }),
    hiddenSize: config.hiddenSize,
    numHiddenLayers: config.numHiddenLayers,
    numAttentionHeads: config.numAttentionHeads,
    maxPositionEmbeddings: usablePositions,
    padTokenId: config.padTokenId,
    ...dropoutOf([config.hiddenDropout, config.attentionDropout]),
    defaultReadout,
    sites: listSites(encoder, new Map(shapes)),
    fingerprint,
    name,
  };
}
