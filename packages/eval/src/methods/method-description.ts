import * as z from 'zod';
import type { MethodDescription } from '@tfjs-peft/peft-core';

/** A method as data: its type, its settings (none if absent), its parts. Unknown keys are errors. */
export const methodDescription: z.ZodType<MethodDescription> = z.lazy(() =>
  z.strictObject({
    type: z.string(),
    config: z.record(z.string(), z.json()).default({}),
    version: z.string().optional(),
    parts: z.array(methodDescription).optional(),
  }),
) as z.ZodType<MethodDescription>;
