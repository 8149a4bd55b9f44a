import { head as createHead, type HeadMethod } from '../head.js';
import type { HostSpec } from '../host-spec.js';
import type { NamedArrays } from '../parameters.js';
import { headOutputs } from './head-outputs.js';
import { decodeHead, hfHeadConfig, hfHeadNames, takeHead } from './head-tensors.js';

/** A head with its numbers. */
export interface StoredHead {
  readonly method: HeadMethod;
  readonly effective: NamedArrays;
}

/** Names of the tensors of the head that HF's sequence classifier of a host has, as a checkpoint holds them: `classifier.weight`. */
export const hostHeadNames = hfHeadNames;

/**
 * The head that a checkpoint holds beside the encoder, to be composed with an adapter that has none. `labels`: names of the outputs, numbers
 * if absent. Undefined without such a head. Errors: `TENSOR_MISSING` for a part of one, `TENSOR_MISSHAPEN`, `HEAD_UNSUPPORTED` for one of another architecture.
 */
export function readHostHead(
  tensors: NamedArrays,
  host: HostSpec,
  where: string,
  labels?: readonly string[],
): StoredHead | undefined {
  const { head: stored } = takeHead(tensors, host, where);
  if (!stored) return undefined;
  const last = `${host.classifier.output}.weight`;
  const outputs = headOutputs(stored.get(last), last, host, where);
  const names = labels?.length === outputs ? labels : Array.from({ length: outputs }, (_, i) => `LABEL_${i}`);
  const method = createHead(hfHeadConfig(host, names));
  return { method, effective: decodeHead(method, stored, host, where) };
}
