import * as z from 'zod';

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
  /** Numbers of the layers that get a prefix, the first is 0; all if null. HF peft knows only all. */
  layers: z.array(z.int().min(0)).min(1).nullable().default(null),
  /** Dropout on the produced prefixes in training. */
  dropout: z.number().min(0).lt(1).default(0),
  /**
   * Law of the first values. `bert`: N(0, 0.02) and zero biases. `torch`: embedding N(0, 1), linear maps uniform in ±1/√inputs (flat
   * prefixes: N(0, 1)). `randn`: N(0, 1) for flat prefixes, for an MLP the same as `torch`. `activation`: the host's own keys and values of
   * words of the training texts (Li and Liang 2021, section 7.4); an MLP starts as `torch` and is fitted to them by `prepare`.
   */
  initialisation: z.enum(['bert', 'torch', 'randn', 'activation']).default('bert'),
  /** Replaces the 0.02 of `bert`. */
  initialStandardDeviation: z.number().positive().default(0.02),
  /** Steps of Adam that fit the MLP to the words' keys and values before training (`activation` only). */
  activationSteps: z.int().min(0).max(100_000).default(500),
  /** Learning rate of that fit. */
  activationLearningRate: z.number().positive().default(1e-4),
  /** Position ids of the text: from 0 (`none`, the published method) or from prefixLength (`shift`, what HF peft computes). */
  positionPolicy: z.enum(['none', 'shift']).default('none'),
  /** Namespace of the parameters; another one for a second prefix in a composition. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('prefix'),
});

/** A validated configuration of `prefix`, defaults written out. */
export type PrefixConfig = z.output<typeof prefixConfig>;
