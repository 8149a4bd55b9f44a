import * as z from 'zod';

const patterns = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** No rank of a configuration is larger. */
export const largestRank = 16384;

export const loraConfig = z
  .strictObject({
    /** Inner size r of the two factors. */
    rank: z.int().min(1).max(largestRank).default(8),
    /** The delta is scaled by alpha / rank; 0 takes it away, a negative one turns it round. */
    alpha: z.number().default(8),
    /**
     * Where to act: a list of names, each a whole path or a dotted suffix of it; a string, one regular expression for the whole path;
     * `all-linear`, every affine map of the encoder; null, the query and value maps of every layer.
     */
    targets: patterns.nullable().default(null),
    /** What to leave out of `targets`, by the same rules. */
    exclude: z
      .union([z.string().min(1), z.array(z.string().min(1))])
      .nullable()
      .default(null),
    /**
     * False: the pooler is none of the modules that `targets` and `bias` may mean, as in HF's classifier of RoBERTa, which has none. Absent:
     * it is one. Without a default, so that the configurations of earlier adapters and runs stay what they were.
     */
    pooler: z.boolean().optional(),
    /** Only these layers, counted from 0. */
    layers: z
      .union([z.int().min(0), z.array(z.int().min(0))])
      .nullable()
      .default(null),
    /** Name of the list of layers in paths, where it is not the first one with a number behind it. */
    layersPattern: z
      .union([z.string(), z.array(z.string())])
      .nullable()
      .default(null),
    /** Other ranks: regular expressions tried as `(.*\.)?(key)$` on the path, the first hit wins. */
    rankPattern: z.record(z.string().min(1), z.int().min(1).max(largestRank)).default({}),
    /** Other alphas, by the same rule. */
    alphaPattern: z.record(z.string().min(1), z.number()).default({}),
    /** Scale alpha / √rank instead of alpha / rank (rsLoRA, Kalajdzievski 2023, arXiv 2312.03732). */
    rsLora: z.boolean().default(false),
    /** A trained magnitude for each output on top of the low-rank direction (DoRA, Liu et al. 2024, arXiv 2402.09353). */
    dora: z.boolean().default(false),
    /** A bias of the second factor, scaled with it. */
    loraBias: z.boolean().default(false),
    /** Which biases of the host are trained as well: none, those of the targets, or all of affine maps and LayerNorms. */
    bias: z.enum(['none', 'lora_only', 'all']).default('none'),
    /** Dropout on the input of the first factor, in training; embedding tables have none. */
    dropout: z.number().min(0).lt(1).default(0),
    /**
     * First values of the factors of an affine map. `kaiming`: down uniform in ±1/√inputs, up zero. `gaussian`: down N(0, 1/rank²), up zero.
     * `random`: both uniform in ±1/√inputs of their own. `orthogonal`: both random, their product zero; known after `prepare`, even ranks only.
     */
    initialisation: z.enum(['kaiming', 'gaussian', 'random', 'orthogonal']).default('kaiming'),
    /** Namespace of the parameters; another one for a second LoRA in a composition. */
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]*$/)
      .default('lora'),
  })
  .refine(({ dora, loraBias }) => !(dora && loraBias), {
    message: 'not together with dora: DoRA has no bias of the second factor',
    path: ['loraBias'],
  });
/** A validated configuration of `lora`, defaults written out. */
export type LoraConfig = z.output<typeof loraConfig>;
