import * as tf from '@tensorflow/tfjs';
import { nativeAttention, nativeAttentionGradient, type NativeAttentionInputs, notGiven } from './native-kernels.js';
import { overBatch } from './over-batch.js';

/** Keys and values before those of the text, each `[heads, length, headSize]`, or `[batch, …]` with one for every example. */
export interface KeyValues {
  readonly keys: tf.Tensor;
  readonly values: tf.Tensor;
}

/**
 * Attention with native kernels: queries, keys and values side by side `[batch, tokens, 3 · hidden]`, mask `[batch, 1, 1, tokens]`, result
 * `[batch, tokens, hidden]`. Differentiable in queries, keys, values and prefixes.
 *
 * @param dropoutFactors `[batch, heads, tokens, prefix + tokens]`, what each weight is multiplied with
 */
export function fusedAttention(
  queryKeyValue: tf.Tensor,
  prefixes: readonly KeyValues[],
  mask: tf.Tensor,
  heads: number,
  dropoutFactors?: tf.Tensor,
): tf.Tensor {
  const each = prefixes.some((prefix) => prefix.keys.rank === 4 || prefix.values.rank === 4);
  const joined = (pick: (prefix: KeyValues) => tf.Tensor) => {
    const parts = prefixes.map(pick);
    return joinPrefixes(each ? parts.map((part) => overBatch(part, 3, queryKeyValue.shape[0]!)) : parts);
  };
  const [keys, values] = [joined((prefix) => prefix.keys), joined((prefix) => prefix.values)];
  const dropout = dropoutFactors ?? notGiven();
  const names = ['queryKeyValue', 'prefixKeys', 'prefixValues', 'mask', 'dropout'] as const;
  const attend = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as tf.GradSaveFunc;
    const differentiable = inputs.slice(0, -1) as tf.Tensor[];
    const kept = [...differentiable, mask, dropout];
    const named = (tensors: readonly tf.Tensor[]) =>
      Object.fromEntries(names.map((name, index) => [name, tensors[index]!])) as unknown as NativeAttentionInputs;
    save(kept);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [dQueryKeyValue, ...dPrefixes] = nativeAttentionGradient(named(saved), dy, heads);
      const like = (gradient: tf.Tensor, { shape }: tf.Tensor) =>
        shape.length === 3 ? gradient.sum(0) : gradient.reshape(shape);
      return [dQueryKeyValue, ...dPrefixes.map((gradient, index) => like(gradient, differentiable[index + 1]!))];
    };
    return { value: nativeAttention(named(kept), heads), gradFunc };
  });
  return attend(queryKeyValue, keys, values);
}

/** One tensor on the length axis, of parts that all have a batch axis or all have none. */
function joinPrefixes(parts: readonly tf.Tensor[]): tf.Tensor {
  const [first, ...others] = parts;
  if (!first) return notGiven();
  return others.length === 0 ? first : tf.concat([...parts], first.rank - 2);
}
