import * as z from 'zod';

const patterns = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

export const fullConfig = z.strictObject({
  /** Modules that are trained, by path or dotted suffix, or one regular expression for whole paths; all of the host if null. */
  include: patterns.nullable().default(null),
  /** Modules that are left as they are, likewise; none if null. */
  exclude: patterns.nullable().default(null),
  /** Whether embedding tables are trained; if not, `include` cannot name one. */
  embeddings: z.boolean().default(true),
  /** Differences start as N(0, this); 0 starts from the host itself. The vertices of a simplex start apart only with another value. */
  initialStandardDeviation: z.number().nonnegative().default(0),
  /** Namespace of the parameters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('full'),
});

/** A validated configuration of `full`, defaults written out. */
export type FullConfig = z.output<typeof fullConfig>;
