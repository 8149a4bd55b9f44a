import * as z from 'zod';

export const unipeltConfig = z.strictObject({
  /**
   * Namespaces of the parts that get gates (`prefix`, `lora`, `adapter`). Null: every part that has effects which can be gated: low-rank deltas,
   * prefixes, adapters. All other parts act as they do alone.
   */
  gates: z.array(z.string()).nullable().default(null),
  /** Standard deviation of the first values of the gates' weights. */
  initialStandardDeviation: z.number().nonnegative().default(0.02),
  /** First value of the gates' biases: 0 starts them half open, a large one open, a very negative one closed. */
  initialBias: z.number().default(0),
  /** The gates of a part are in the namespace `<name>-<namespace of the part>`. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('unipelt'),
});

/** A validated configuration of `unipelt`, defaults written out. */
export type UnipeltConfig = z.output<typeof unipeltConfig>;
