import type { Host } from './host.js';
import { evaluationContext, type Context } from './context.js';
import type { HostInputs, HostOutputs } from './host.js';
import type { PeftMethod } from './method.js';
import type { Parameters } from './parameters.js';

/** A method with trained parameters: what is saved, loaded, swapped and called. */
export interface Adapter {
  readonly method: PeftMethod;
  readonly effective: Parameters;
  /** Fingerprint of the host it was made for. */
  readonly hostFingerprint: string;
}

/** One pass of a host with an adapter; deterministic unless a context says otherwise. Call inside `tf.tidy`. */
export function runAdapter(host: Host, adapter: Adapter, inputs: HostInputs, context?: Context): HostOutputs {
  const used = context ?? evaluationContext(host.spec, inputs.inputIds.shape[0]);
  return host.forward(inputs, adapter.method.intervene(adapter.effective, used), used);
}
