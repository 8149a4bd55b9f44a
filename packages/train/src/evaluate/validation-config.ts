import * as z from 'zod';

export const validationConfig = z.strictObject({
  /**
   * `stochastic`: fresh simplex draws for every example, no dropout (arXiv 2310.15793; the same as `midpoint` for a method that draws
   * nothing). `midpoint`: one deterministic pass. `dropout`: passes in training mode, the control that asks whether only Monte-Carlo
   * validation matters.
   */
  mode: z.enum(['midpoint', 'stochastic', 'dropout']).default('stochastic'),
  /** The metric of all draws together, the mean of the metrics of each draw, or the metric of the mean probability. */
  aggregate: z.enum(['pooled', 'mean', 'ensemble']).default('pooled'),
  draws: z.number().int().positive().default(10),
  /** Fresh draws at every evaluation; the same ones each time if false. */
  resample: z.boolean().default(true),
  /** Also evaluates the deterministic midpoint, for the record only. */
  logMidpoint: z.boolean().default(true),
});

/** Validated settings of how a state is judged on the development set. */
export type ValidationConfig = Readonly<z.output<typeof validationConfig>>;
