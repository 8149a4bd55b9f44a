import { z } from 'zod';

export const prefixConfig = z.strictObject({
  /** Number of key/value pairs put before the text in every layer. */
  prefixLength: z.int().min(1).max(4096).default(10),
  /**
   * `mlp`: embedding, linear, tanh, linear (Li and Liang 2021, section 4.3), thrown away after training. `none`: the prefixes themselves are
   * trained (P-tuning v2).
   */
  reparametrisation: z.enum(['mlp', 'none']).default('mlp'),
  /** Width of the MLP's hidden layer. */
  mlpHiddenSize: z.int().min(1).max(65536).default(512),
  /** Dropout on the produced prefixes in training. */
  dropout: z.number().min(0).lt(1).default(0),
  /**
   * Law of the first values. `bert`: N(0, 0.02) and zero biases. `torch`: embedding N(0, 1), linear maps uniform in ±1/√inputs (flat
   * prefixes: N(0, 1)). `randn`: N(0, 1) for flat prefixes, for an MLP the same as `torch`.
   */
  initialisation: z.enum(['bert', 'torch', 'randn']).default('bert'),
  /** Replaces the 0.02 of `bert`. */
  initialStandardDeviation: z.number().positive().default(0.02),
  /** Position ids of the text: from 0 (`none`, the published method) or from prefixLength (`shift`, what HF peft computes). */
  positionPolicy: z.enum(['none', 'shift']).default('none'),
  /** Namespace of the parameters; another one for a second prefix in a composition. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('prefix'),
});
export type PrefixConfig = z.output<typeof prefixConfig>;
