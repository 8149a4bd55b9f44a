import * as z from 'zod';

export const tarpConfig = z
  .strictObject({
    /**
     * What is added to a map. `bilinear`: the product of two thin matrices; `kronecker`: a sum of Kronecker products of small squares with such
     * products; `dynamic`: a product with a small matrix in the middle that each token has of its own (Hou et al. 2022, equations 1 to 3).
     */
    form: z.enum(['bilinear', 'kronecker', 'dynamic']).default('dynamic'),
    /** Inner size r of the factors. */
    rank: z.int().min(1).max(16384).default(4),
    /** Kronecker: the number n of products, and the size of their squares; divides inputs and outputs of every target. */
    blocks: z.int().min(1).max(1024).default(4),
    /**
     * What multiplies the frozen weight, entry by entry, in the same form as the shift (bilinear beside a dynamic one). `softplus`: softplus(U V + c) with
     * softplus(c) = 1; `linear`: 1 + U V; `none`: nothing.
     */
    scale: z.enum(['none', 'softplus', 'linear']).default('none'),
    /**
     * The weight is multiplied by 1 + U S(x) V, another scale for each token (equation 3 for the scale). Costs `rank` more products with the whole
     * weight, and nothing merges; instead of `scale`.
     */
    dynamicScale: z.boolean().default(false),
    /**
     * Where to act: a list of paths of affine maps or dotted ends of them; a string, one regular expression for the whole path; null, all maps of
     * attention and feed-forward network in every layer.
     */
    targets: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .nullable()
      .default(null),
    /** Of all factors but the last of each product, which is zero. */
    initialStandardDeviation: z.number().positive().default(0.02),
    /** Namespace of the parameters; another one for a second TARP in a composition. */
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]*$/)
      .default('tarp'),
  })
  .refine(({ scale, dynamicScale }) => !(dynamicScale && scale !== 'none'), {
    message: 'not together with a static scale: leave `scale` at "none"',
    path: ['dynamicScale'],
  });
/** A validated configuration of `tarp`, defaults written out. */
export type TarpConfig = z.output<typeof tarpConfig>;
