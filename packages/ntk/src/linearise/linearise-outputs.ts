import {
  disposeParameters,
  type EncodedText,
  type Host,
  type NamedArrays,
  PeftError,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { trainableNames } from '@tfjs-peft/peft-core/authoring';
import { predictLogits, withEffective } from '@tfjs-peft/train';
import { contrastsOf } from '../gradients/question.js';

/** From where to where, on which texts. */
export interface LinearisationOptions {
  readonly host: Host;
  /** Prepared, with a head. */
  readonly method: PeftMethod;
  /** Raw parameters and buffers before training. */
  readonly start: NamedArrays;
  /** Raw parameters after it; buffers are those of `start`. */
  readonly end: NamedArrays;
  readonly texts: readonly EncodedText[];
  readonly contrasts?: readonly (readonly number[])[];
  readonly batchSize?: number;
}

/** Outputs `[texts, outputs]` of three models. */
export interface Linearisation {
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** `f(x; θ0) + ⟨∇f(x; θ0), θ - θ0⟩`. */
  readonly linear: Float64Array;
}

/** Half the width of the difference along the displacement, and its largest number. */
const widest = 0.1;
const largestMove = 0.01;

/**
 * The outputs of a trained method, of its start, and of the model that is linear in the parameters around the start, moved as far. The derivative along the
 * displacement is a central difference at the start, two passes of single precision (about 1e-3 of the change), for any number of parameters.
 * Errors: `LINEARISATION_MISMATCH`, `KERNEL_OUTPUTS_INVALID`, those of the host.
 */
export async function lineariseOutputs(options: LinearisationOptions): Promise<Linearisation> {
  const { host, method, start, end } = options;
  const names = new Set(trainableNames(method.plan(host.spec)));
  const displacement = new Map<string, Float32Array>();
  for (const name of names) {
    const [from, to] = [start.get(name), end.get(name)];
    if (!from || !to || from.data.length !== to.data.length)
      throw new PeftError('LINEARISATION_MISMATCH', {
        found: `"${name}" with ${from?.data.length ?? 'no'} numbers before and ${to?.data.length ?? 'no'} after training`,
        expected: 'the same raw parameters',
        fix: 'take both from one run: its initial values and its `raw`',
      });
    displacement.set(
      name,
      Float32Array.from(to.data, (value, i) => value - from.data[i]!),
    );
  }
  const largest = Math.max(
    ...[...displacement.values()].map((data) => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0)),
  );
  const h = largest === 0 ? widest : Math.min(widest, largestMove / largest);
  const moved = (by: number): NamedArrays =>
    new Map(
      [...start].map(([name, array]) => {
        const change = displacement.get(name);
        if (!change) return [name, array];
        return [
          name,
          { shape: array.shape, data: Float32Array.from(array.data, (value, i) => value + by * change[i]!) },
        ];
      }),
    );
  const at = async (by: number) => outputsOf(options, moved(by));
  const [before, after, up, down] = [await at(0), await at(1), await at(h), await at(-h)];
  return { start: before, end: after, linear: before.map((value, i) => value + (up[i]! - down[i]!) / (2 * h)) };
}

async function outputsOf(
  { host, method, texts, contrasts: given, batchSize = 32 }: LinearisationOptions,
  arrays: NamedArrays,
): Promise<Float64Array> {
  const contrasts = contrastsOf(method, given);
  const raw = toParameters(arrays);
  try {
    const { logits, labels } = await withEffective(method, raw, host.spec, (effective) =>
      predictLogits({ host, method, effective, texts, batchSize }),
    );
    return Float64Array.from({ length: texts.length * contrasts.length }, (_, i) => {
      const own = logits.subarray(Math.floor(i / contrasts.length) * labels);
      return contrasts[i % contrasts.length]!.reduce((sum, factor, label) => sum + factor * own[label]!, 0);
    });
  } finally {
    disposeParameters(raw);
  }
}
