import * as z from 'zod';

/** A list of module paths or dotted suffixes of them, or one regular expression for whole paths. */
const patterns = z.union([z.string().min(1), z.array(z.string().min(1))]);

export const ia3Config = z
  .strictObject({
    /** Affine maps whose output is gated; the key and value maps of every layer if null. */
    targets: patterns.nullable().default(null),
    /**
     * Affine maps whose input is gated; the second map of every feed-forward network if null. A map that `targets` names too counts as one of
     * these, as in HF peft, where they must be named twice.
     */
    feedForwardTargets: patterns.nullable().default(null),
    /**
     * Gates start as N(1, this); 0 starts them at one, where they change nothing. The vertices of a simplex start apart only with another
     * value.
     */
    initialStandardDeviation: z.number().nonnegative().default(0),
    /** Namespace of the parameters; another one for a second IA3 in a composition. */
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]*$/)
      .default('ia3'),
  })
  .refine(({ targets, feedForwardTargets }) => targets?.length !== 0 || feedForwardTargets?.length !== 0, {
    message: 'nothing to gate: targets and feedForwardTargets are both empty',
    path: ['targets'],
  });
/** A validated configuration of `ia3`, defaults written out. */
export type Ia3Config = z.output<typeof ia3Config>;
