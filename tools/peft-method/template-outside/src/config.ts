import * as z from 'zod';

/** Unknown keys are errors, so that a typing error does not pass for a setting. */
export const myMethodConfig = z.strictObject({
  /**
   * Affine maps whose output is scaled: module paths or dotted ends of them, or one regular expression for whole paths. Null: the query
   * and value maps of every layer, whatever a host calls them.
   */
  targets: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .nullable()
    .default(null),
  /** Of the first values; 0 starts at the host as it is, but then the vertices of a simplex start at the same point. */
  initialStandardDeviation: z.number().nonnegative().default(0),
  /** First segment of the names of its parameters; another one for a second instance in a composition. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('my-method'),
});
export type MyMethodConfig = z.output<typeof myMethodConfig>;
