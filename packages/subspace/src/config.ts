import * as z from 'zod';
import { expectedDistribution, readDistribution } from './parse-distribution.js';

export const subspaceConfig = z.strictObject({
  /** Number m of vertices of the simplex. */
  vertices: z.int().min(1).max(100).default(2),
  /**
   * How often a point of the simplex is drawn in training: once a `batch`; once a batch and site (`batch_layer`); once an `example`, the
   * same at all sites; once an example and site (`example_layer`).
   */
  granularity: z.enum(['batch', 'batch_layer', 'example', 'example_layer']).default('example_layer'),
  /** `flat`: uniform on the simplex, Dirichlet(1, …, 1). `dirichlet:<concentration>`: symmetric, 1e-6 to 1e6. `corner`: one vertex. */
  distribution: z
    .string()
    .refine((text) => readDistribution(text) !== undefined, `expected ${expectedDistribution}`)
    .default('flat'),
  /** Keys and values of a layer, and everything else at one site, share a draw. */
  shareSiteDraws: z.boolean().default(true),
  /** Whether the head has vertices too; if false one head serves the whole simplex. */
  head: z.boolean().default(true),
  /** Weight of the squared cosine between a random pair of vertices, added to the loss. */
  beta: z.number().nonnegative().default(1),
  /** `flat`: one cosine over all effective parameters; `per_layer`: mean of one cosine a site; `off`. */
  regularisation: z.enum(['flat', 'per_layer', 'off']).default('flat'),
  /** Whether the head counts in the cosine. */
  regulariseHead: z.boolean().default(false),
  /** Points drawn per example and step; the loss is their mean. */
  trainDraws: z.int().min(1).max(1000).default(1),
});

/** A validated configuration of `subspace`, defaults written out. */
export type SubspaceConfig = z.output<typeof subspaceConfig>;
