import { type Adapter, evaluationContext, type HostSpec } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

/** Positions of the host that an adapter takes from texts: rows of prompts, and prefixes that shift positions. */
export function countVirtualTokens(
  { method, effective }: Pick<Adapter, 'method' | 'effective'>,
  spec: HostSpec,
): number {
  let rows = 0;
  const shifts = new Map<string, number>();
  tf.tidy(() => {
    for (const intervention of method.intervene(effective, evaluationContext(spec, 1)))
      if (intervention.kind === 'tokenPrefix') rows += intervention.embeddings.shape.at(-2)!;
      else if (intervention.kind === 'keyValuePrefix' && intervention.positions === 'shift')
        shifts.set(intervention.path, (shifts.get(intervention.path) ?? 0) + intervention.keys.shape.at(-2)!);
  });
  return rows + Math.max(0, ...shifts.values());
}
