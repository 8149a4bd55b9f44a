import {
  compose,
  createStream,
  type EncodedText,
  head,
  type Host,
  initialValues,
  type NamedArrays,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import { evaluationContext, padBatch, toParameters } from '@tfjs-peft/peft-core';
import { lossAndGradients, objectiveOfOutputs } from '@tfjs-peft/peft-core/authoring';
import { createRandomHost, type RandomHostOptions } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

/** Two layers of eight numbers. */
export const tinyHost = (options: RandomHostOptions = {}): Promise<Host> =>
  createRandomHost(
    { hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 20, maxPositionEmbeddings: 16, ...options },
    3,
  );

/** Texts of different lengths that share tokens; one has a token twice. */
export const texts: readonly EncodedText[] = [
  [2, 5, 6, 7, 3],
  [2, 6, 6, 3],
  [2, 9, 10, 11, 12, 5, 3],
  [2, 13, 3],
  [2, 5, 14, 15, 16, 3],
].map((inputIds) => ({ inputIds, tokenTypeIds: inputIds.map((_, token) => Number(token > 2)) }));

export const labels3 = ['a', 'b', 'c'];
export const withHead = (
  part: PeftMethod | undefined,
  labels: readonly string[] = ['no', 'yes'],
  readout: 'mean' | 'cls' | 'pooler' = 'mean',
) => {
  const itsHead = head({ labels: [...labels], readout, initialStandardDeviation: 0.5 });
  return part ? compose(part, itsHead) : compose(itsHead);
};

/** Initial values, moved off zero so that nothing is orthogonal by accident. */
export function valuesOf(method: PeftMethod, host: Host, seed = 5, shift = 0.1): NamedArrays {
  const values = initialValues(method.plan(host.spec), createStream(seed));
  const noise = initialValues(
    {
      raw: method
        .plan(host.spec)
        .raw.map((spec) => ({ ...spec, initial: { kind: 'normal', standardDeviation: shift } })),
      effective: [],
    },
    createStream(seed + 1),
  );
  for (const [name, { shape, data }] of values)
    if (data instanceof Float32Array && noise.has(name))
      values.set(name, { shape, data: data.map((value, i) => value + noise.get(name)!.data[i]!) });
  return values;
}

/** The gradient of every text and output with respect to these parameters, a backward pass each: `[texts · outputs]` rows by name. */
export async function jacobian(
  host: Host,
  method: PeftMethod,
  values: NamedArrays,
  given: readonly EncodedText[],
  outputs: number,
  wrt: readonly string[],
) {
  const raw = toParameters(values);
  const rows: Map<string, Float32Array>[] = [];
  for (const text of given)
    for (let output = 0; output < outputs; output++) {
      const gradients = tf.tidy(() => {
        const batch = { inputs: padBatch([text], host.spec.padTokenId), targets: undefined };
        const objective = objectiveOfOutputs('logit', ({ logits }) => logits!.slice([0, output], [1, 1]).sum());
        const context = evaluationContext(host.spec, 1);
        // Of the outputs alone, not of a penalty.
        const plain = { ...method, penalty: undefined, objective: undefined };
        const found = lossAndGradients({ host, method: plain, raw, batch, objective, context, wrt });
        return Object.fromEntries(wrt.map((name) => [name, found.gradients.get(name) ?? tf.zerosLike(raw.get(name)!)]));
      });
      const row = new Map<string, Float32Array>();
      for (const [name, tensor] of Object.entries(gradients)) row.set(name, Float32Array.from(await tensor.data()));
      tf.dispose(gradients);
      rows.push(row);
    }
  tf.dispose([...raw.values()]);
  return rows;
}

type Side = (value: number) => number;
const same: Side = (value) => value;

/** Inner products of rows of a Jacobian, in double precision. */
export function multiply(
  a: readonly Map<string, Float32Array>[],
  b = a,
  left: Side = same,
  right: Side = same,
): Float64Array {
  const out = new Float64Array(a.length * b.length);
  a.forEach((row, i) =>
    b.forEach((column, j) => {
      for (const [name, values] of row) {
        const others = column.get(name)!;
        for (let k = 0; k < values.length; k++) out[i * b.length + j]! += left(values[k]!) * right(others[k]!);
      }
    }),
  );
  return out;
}

/** Largest difference, relative to the largest number. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} numbers`);
  const scale = Array.from(b).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / scale;
}
