import { type Adapter, type Host, runAdapter } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import ort from 'onnxruntime-node';

/** One batch as rows of numbers, `[batch, tokens]` each. */
export interface Rows {
  readonly ids: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
  readonly types: readonly (readonly number[])[];
}

/** Logits of a graph in ONNX Runtime. */
export async function runGraph(bytes: Uint8Array, { ids, mask, types }: Rows): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const all = { input_ids: ids, attention_mask: mask, token_type_ids: types };
  const feeds = Object.entries(all)
    .filter(([name]) => session.inputNames.includes(name))
    .map(([name, rows]) => {
      const data = BigInt64Array.from(rows.flat(), BigInt);
      return [name, new ort.Tensor('int64', data, [rows.length, rows[0]!.length])] as const;
    });
  const { logits } = await session.run(Object.fromEntries(feeds));
  return logits!.data as Float32Array;
}

/** Rows as a tensor of whole numbers. */
export const rowsTensor = (rows: Rows['ids']): tf.Tensor2D =>
  tf.tensor2d(
    rows.map((row) => [...row]),
    undefined,
    'int32',
  );

/** Our own logits. */
export async function runHere(host: Host, adapter: Adapter, { ids, mask, types }: Rows): Promise<Float32Array> {
  const logits = tf.tidy(
    () =>
      runAdapter(host, adapter, {
        inputIds: rowsTensor(ids),
        attentionMask: rowsTensor(mask),
        tokenTypeIds: rowsTensor(types),
      }).logits!,
  );
  const data = Float32Array.from(await logits.data());
  logits.dispose();
  return data;
}

/** The largest difference; NaN where a number is missing. */
export const largestDifference = (found: Float32Array, expected: Float32Array): number =>
  Math.max(...expected.map((value, index) => Math.abs(value - (found[index] ?? NaN))));
