import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter.js';
import { type FoldedMethod, foldMethod, type PeftMethod } from './method.js';
import { type NamedArrays, readParameters } from './parameters.js';

/** The folded method of an adapter and its parameters in host memory. */
export async function readFolded({
  method,
  effective,
}: Adapter): Promise<{ readonly method: PeftMethod; readonly arrays: NamedArrays; readonly changed: boolean }> {
  let folded: FoldedMethod | undefined;
  const kept = tf.tidy(() => {
    folded = foldMethod(method, effective);
    return [...folded.effective.values()];
  });
  const before = new Set(effective.values());
  const arrays = await readParameters(folded!.effective);
  tf.dispose(kept.filter((tensor) => !before.has(tensor)));
  return { method: folded!.method, arrays, changed: kept.some((tensor) => !before.has(tensor)) };
}
