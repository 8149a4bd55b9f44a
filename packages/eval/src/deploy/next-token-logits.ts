import { type Adapter, type EncodedText, evaluationContext, type Host } from '@tfjs-peft/peft-core';
import { requireOutputEmbeddings, toBatch } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';

/** Logits of the token that follows each text, `[texts, vocabulary]`. Errors: `LANGUAGE_MODEL_MISSING`. */
export async function nextTokenLogits(
  host: Host,
  { method, effective }: Pick<Adapter, 'method' | 'effective'>,
  texts: readonly EncodedText[],
): Promise<Float32Array> {
  const rows: Float32Array[] = [];
  // One text at a time: its last token is the last one, whatever stands before it.
  for (const text of texts) {
    const logits = tf.tidy(() => {
      const context = evaluationContext(host.spec, 1);
      const { inputs } = toBatch(host, { texts: [text], targets: null });
      const outputs = host.forward(inputs, method.intervene(effective, context), context);
      const length = outputs.lastHiddenState.shape[1];
      const last = outputs.lastHiddenState.slice([0, length - 1, 0], [1, 1, -1]).squeeze<tf.Tensor2D>([0]);
      return tf.matMul(last, requireOutputEmbeddings(outputs).table, false, true);
    });
    rows.push((await logits.data<'float32'>()).slice());
    logits.dispose();
  }
  const all = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const row of rows) {
    all.set(row, start);
    start += row.length;
  }
  return all;
}
