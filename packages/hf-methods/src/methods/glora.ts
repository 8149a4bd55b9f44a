import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming, normal, zeros } from '../initial-laws.js';
import { targetEntries } from '../module-entries.js';
import type { TargetModule } from '../select-modules.js';
import { type Find, makeWeightMethod } from '../weight-method.js';
import type { StoredParameter } from '../weight-parameters.js';

const entries = {
  ...targetEntries,
  r: z.int().min(1).default(8),
  /** The form of what multiplies the weight (A) and of what is added to it (B). */
  config_A_B: z.enum(['lora', 'vector', 'constant', 'none']).default('lora'),
  /** The form of what the weight is applied to for the bias. */
  config_C: z.enum(['lora', 'vector', 'none']).default('lora'),
  /** The form of what multiplies the bias (D) and of what is added to it (E). */
  config_D_E: z.enum(['vector', 'constant', 'none']).default('constant'),
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;
type Form = Config['config_A_B'];

/** The stored tensors of one part; without a form HF peft stores zeros. */
function partOf(part: string, form: Form, shape: readonly [number, number?], config: Config): StoredParameter[] {
  const { r, init_weights: startsAsHost } = config;
  const [rows, columns = 1] = shape;
  const start = (width: number) => (startsAsHost ? zeros : kaiming(width));
  switch (form) {
    case 'lora':
      return [
        { name: `${part}.Xd`, shape: [rows, r], initial: start(r) },
        { name: `${part}.Xu`, shape: [r, columns], initial: kaiming(columns) },
      ];
    case 'vector':
      return [{ name: `${part}.X`, shape: shape.length === 2 ? [rows, 1] : [rows], initial: start(rows) }];
    case 'constant':
      return [{ name: `${part}.X`, shape: [1], initial: startsAsHost ? zeros : normal(0.02) }];
    case 'none':
      return [
        {
          name: `${part}.zeros`,
          shape: shape.length === 2 ? [rows, columns] : [rows],
          initial: zeros,
          trainable: false,
        },
      ];
  }
}

/** A map without a bias has nothing that changes it. */
const formsOf = ({ config_A_B: ofWeight, config_C: c, config_D_E: de }: Config, { hasBias }: TargetModule) => ({
  ofWeight,
  c: hasBias ? c : ('none' as const),
  de: hasBias ? de : ('none' as const),
});

/** Of a weight, as it broadcasts over `[input, output]`; of C, `[input, 1]`. */
function matrixOf(part: string, form: Form, find: Find): tf.Tensor {
  if (form === 'lora') return tf.matMul(find(`${part}.Xu`), find(`${part}.Xd`), true, true);
  return form === 'none' ? tf.scalar(0) : find(`${part}.X`).reshape([1, -1]);
}

const vectorOf = (part: string, form: Form, find: Find): tf.Tensor =>
  form === 'none' ? tf.scalar(0) : find(`${part}.X`);

/**
 * GLoRA (Chavan et al. 2023, arXiv 2306.07967, equation 10): `W' = W + W ⊙ A + B` and `b' = b + b ⊙ D + E + W · C`, each part a product of two thin
 * matrices, a vector, a number or nothing.
 */
export const glora = makeWeightMethod({
  type: 'GLORA',
  entries,
  kinds: ['weightFunction'],
  parameters(config, module) {
    const { inputs, outputs } = module;
    const { ofWeight, c, de } = formsOf(config, module);
    return [
      ...partOf('glora_A', ofWeight, [outputs, inputs], config),
      ...partOf('glora_B', ofWeight, [outputs, inputs], config),
      ...partOf('glora_C', c, [inputs, 1], config),
      ...partOf('glora_D', de, [outputs], config),
      ...partOf('glora_E', de, [outputs], config),
    ];
  },
  intervene(config, module, find) {
    const { ofWeight, c, de } = formsOf(config, module);
    const [a, b] = [matrixOf('glora_A', ofWeight, find), matrixOf('glora_B', ofWeight, find)];
    const changesBias = c !== 'none' || de !== 'none';
    return [
      {
        kind: 'weightFunction',
        path: module.path,
        weight: (frozen) => frozen.mul(a).add(b),
        ...(changesBias && {
          bias: (frozen: tf.Tensor, weight: tf.Tensor) => {
            const own = frozen.mul(vectorOf('glora_D', de, find)).add(vectorOf('glora_E', de, find));
            if (c === 'none') return own;
            return own.add(tf.matMul(matrixOf('glora_C', c, find), weight).reshape([-1]));
          },
        }),
      },
    ];
  },
});
