import { type EncodedText, padBatch } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

/**
 * Logits `[texts, labels]` of an .onnx file in ONNX Runtime, all texts in one batch; null where the package `onnxruntime-node` is not installed.
 */
export async function runOnnx(
  path: string,
  texts: readonly EncodedText[],
  padTokenId: number,
): Promise<Float32Array | null> {
  const runtime = await import('onnxruntime-node').then(
    (module) => module.default ?? module,
    () => null,
  );
  if (!runtime) return null;
  const session = await runtime.InferenceSession.create(path, { logSeverityLevel: 3 });
  const { inputIds, attentionMask, tokenTypeIds, textPositions } = padBatch(texts, padTokenId);
  try {
    const known = { input_ids: inputIds, attention_mask: attentionMask, token_type_ids: tokenTypeIds };
    const feeds = await Promise.all(
      Object.entries(known).map(async ([name, tensor]) => {
        const data = BigInt64Array.from(await tensor.data<'int32'>(), BigInt);
        return [name, new runtime.Tensor('int64', data, tensor.shape)] as const;
      }),
    );
    const outputs = await session.run(Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name))));
    return outputs.logits!.data as Float32Array;
  } finally {
    tf.dispose([inputIds, attentionMask, tokenTypeIds, ...(textPositions ? [textPositions] : [])]);
  }
}
