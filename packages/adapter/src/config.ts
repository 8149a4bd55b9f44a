import * as z from 'zod';
import { activationNames } from './activations.js';

export const adapterConfig = z
  .strictObject({
    /**
     * `sequential`: reads the output of the sublayer and adds to it (Houlsby et al. 2019). `normed`: reads it after residual and LayerNorm, which
     * come once more behind the adapter (Pfeiffer et al. 2021, AdapterHub's `seq_bn`). `parallel`: reads the input of the sublayer (He et al. 2022).
     */
    placement: z.enum(['sequential', 'normed', 'parallel']).default('sequential'),
    /** Sublayers that get an adapter, in every layer. */
    places: z
      .array(z.enum(['attention', 'feedForward']))
      .min(1)
      .default(['feedForward']),
    /** Numbers of the layers that get adapters, the first is 0; all if null. */
    layers: z.array(z.int().min(0)).min(1).nullable().default(null),
    /** The bottleneck is the hidden size divided by this, rounded down, at least 1. 16 if neither this nor `bottleneckSize` is given. */
    reductionFactor: z.number().positive().nullable().default(null),
    /** Width of the bottleneck; instead of `reductionFactor`. */
    bottleneckSize: z.int().min(1).max(65536).nullable().default(null),
    /** Between the two maps. `gelu` is the exact one (erf), `gelu_new` its approximation with tanh. */
    activation: z.enum(activationNames).default('relu'),
    /** Factor of the bottleneck's output: a number, one number learned at each site, or one learned for each of its channels. */
    scale: z.union([z.number(), z.enum(['learned', 'channel'])]).default(1),
    /**
     * `zeroUp`: down N(0, `initialStandardDeviation`), up zero. `mam`: down uniform in ±1/√hidden, up zero (He et al. 2022). `bert`: both
     * N(0, `initialStandardDeviation`), so that the adapter does not start as the identity. Biases are zero.
     */
    initialisation: z.enum(['zeroUp', 'mam', 'bert']).default('zeroUp'),
    initialStandardDeviation: z.number().positive().default(0.02),
    /** Dropout on the scaled output of the bottleneck in training. */
    dropout: z.number().min(0).lt(1).default(0),
    /** Namespace of the parameters; another one for a second adapter in a composition. */
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]*$/)
      .default('adapter'),
  })
  .refine(({ reductionFactor, bottleneckSize }) => reductionFactor === null || bottleneckSize === null, {
    message: 'give reductionFactor or bottleneckSize, not both',
    path: ['bottleneckSize'],
  });
/** A validated configuration of bottleneck adapters, defaults written out. */
export type AdapterConfig = z.output<typeof adapterConfig>;

/** What a caller of `adapter` may set; the rest has defaults. */
export type AdapterOptions = z.input<typeof adapterConfig>;

/** Width m of the bottleneck at a site of the given size. */
export const bottleneckSizeOf = ({ bottleneckSize, reductionFactor }: AdapterConfig, size: number): number =>
  bottleneckSize ?? Math.max(1, floorDivide(size, reductionFactor ?? 16));

/** `⌊a / b⌋` without the rounding of the quotient: what Python's `//` gives for numbers with a fraction. */
export const floorDivide = (a: number, b: number): number => Math.round((a - (a % b)) / b);
