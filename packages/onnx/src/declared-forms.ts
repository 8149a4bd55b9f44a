import { createStream, type Host, PeftError } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import { type BottleneckForm, type Interventions } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';

/** How far a function of activations is from the form that it declares. */
export interface FormCheck {
  /** `sublayerAdapter at "…"` */
  readonly place: string;
  /** One number: the largest difference, as a part of the largest value. */
  readonly difference: tf.Tensor;
}

/**
 * Whoever wraps a function of activations may forget that its form is another one now, so both are computed once. Call inside `tf.tidy`, while the
 * tensors that the functions use are there.
 */
export const compareForms = (items: Interventions, { spec }: Pick<Host, 'spec'>): readonly FormCheck[] =>
  items.flatMap((item) => {
    if ((item.kind !== 'sublayerAdapter' && item.kind !== 'hiddenDelta') || !item.form) return [];
    const { form, apply, kind, path } = item;
    const x = tf.tensor3d(normals(createStream('declared form'), 3 * spec.hiddenSize), [1, 3, spec.hiddenSize]);
    const expected = apply(x, tf.ones([1, 3], 'int32') as tf.Tensor2D);
    const apart = applyForm(x, form).sub(expected).abs().max();
    return [{ place: `${kind} at "${path}"`, difference: apart.div(expected.abs().max().add(1e-6)) }];
  });

/** Errors: `NOT_EXPORTABLE`. */
export async function requireDeclaredForms(checks: readonly FormCheck[]): Promise<void> {
  for (const { place, difference } of checks) {
    const [value] = await difference.data();
    if (value! < 1e-4) continue;
    throw new PeftError('NOT_EXPORTABLE', {
      found: `the ${place} computes something else than the form that it declares`,
      expected: 'one function in both',
      fix: 'give the changed function a form of its own, or none',
    });
  }
}

function applyForm(x: tf.Tensor, form: BottleneckForm): tf.Tensor {
  const { down, downBias, up, upBias, scale, addsInput } = form;
  const rows = x.reshape([-1, x.shape.at(-1)!]);
  const active = activations[form.activation](tf.matMul(rows, down).add(downBias));
  const scaled = tf.matMul(active, up).add(upBias).mul(scale).reshape(x.shape);
  return addsInput ? x.add(scaled) : scaled;
}

const activations: Readonly<Record<BottleneckForm['activation'], (x: tf.Tensor) => tf.Tensor>> = {
  relu: (x) => x.relu(),
  gelu: (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5),
  gelu_new: (x) =>
    x
      .mul(
        x
          .add(x.pow(3).mul(0.044715))
          .mul(Math.sqrt(2 / Math.PI))
          .tanh()
          .add(1),
      )
      .mul(0.5),
  swish: (x) => x.mul(x.sigmoid()),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  leaky_relu: (x) => x.leakyRelu(0.01),
  identity: (x) => x,
};
