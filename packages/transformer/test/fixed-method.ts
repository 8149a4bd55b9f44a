import type { Adapter, Host, PeftMethod } from '@tfjs-peft/peft-core';
import { getParameter } from '@tfjs-peft/peft-core/authoring';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';

/** An adapter whose parameters go into one intervention as they are. */
export function fixedAdapter(
  host: Host,
  name: string,
  tensors: Readonly<Record<string, tf.Tensor>>,
  intervention: (tensors: Record<string, tf.Tensor>) => Intervention,
): Adapter {
  const keys = Object.keys(tensors);
  const method: PeftMethod = {
    type: name.toUpperCase(),
    config: {},
    namespaces: [name],
    plan: () => ({
      raw: [],
      effective: keys.map((key) => ({
        name: `${name}.${key}`,
        shape: tensors[key]!.shape,
        site: name,
        perExample: 'axis',
      })),
    }),
    intervene: (effective) => [
      intervention(Object.fromEntries(keys.map((key) => [key, getParameter(effective, `${name}.${key}`)]))),
    ],
  };
  return {
    method,
    effective: new Map(keys.map((key) => [`${name}.${key}`, tensors[key]!])),
    hostFingerprint: host.spec.fingerprint,
  };
}
