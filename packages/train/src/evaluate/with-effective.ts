import type { HostSpec, Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/** Computes the effective parameters once, lends them to `use`, and disposes those that are not raw ones themselves. */
export async function withEffective<T>(
  method: PeftMethod,
  raw: Parameters,
  host: HostSpec,
  use: (effective: Parameters) => Promise<T>,
): Promise<T> {
  const names: string[] = [];
  const tensors = tf.tidy(() => {
    const effective = effectiveParameters(method, raw, host);
    names.push(...effective.keys());
    return [...effective.values()];
  });
  try {
    return await use(new Map(names.map((name, index) => [name, tensors[index]!])));
  } finally {
    const owned = new Set(raw.values());
    tf.dispose(tensors.filter((tensor) => !owned.has(tensor)));
  }
}
