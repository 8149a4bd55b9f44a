import * as z from 'zod';
import { drawn, normal, ones, zeros } from '../initial-laws.js';
import { torchGenerator, torchUniforms } from '../mathematics/torch-generator.js';
import { requireFewDrawn } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import type { StoredParameter } from '../weight-parameters.js';

/** Entries of methods whose modules share one pair of random, frozen matrices (VeRA, PVeRA). */
export const projectionEntries = {
  r: z.int().min(1).default(256),
  projection_prng_key: z.int().default(0),
  /** Whether the file holds the random matrices; without them they are drawn from the key, as PyTorch draws them. */
  save_projection: z.boolean().default(true),
  d_initial: z.number().default(0.1),
  init_weights: z.boolean().default(true),
};
type Config = z.output<z.ZodObject<typeof projectionEntries>>;

/**
 * The matrices that all modules share, as large as the largest asks: A `[ranks, inputs]` first, then B `[outputs, r]`, from one generator.
 */
export function sharedProjections(
  { r, projection_prng_key: key, save_projection: saved }: Config,
  modules: readonly TargetModule[],
  { a, b, ranks = r }: { readonly a: string; readonly b: string; readonly ranks?: number },
): StoredParameter[] {
  const inputs = Math.max(...modules.map((module) => module.inputs));
  const outputs = Math.max(...modules.map((module) => module.outputs));
  requireFewDrawn(ranks * inputs + outputs * r, `"r": ${r}`);
  const spec = (name: string, rows: number, columns: number, before: number): StoredParameter => ({
    name,
    shape: [rows, columns],
    initial: drawn(() => {
      const random = torchGenerator(key);
      for (let skipped = 0; skipped < before; skipped++) random();
      return torchUniforms(random)(rows * columns, Math.sqrt(3) * (Math.SQRT2 / Math.sqrt(columns)));
    }),
    trainable: false,
    unsaved: !saved,
  });
  return [spec(a, ranks, inputs, 0), spec(b, outputs, r, ranks * inputs)];
}

/** HF's own start of the two vectors of a module, or with `init_weights` false what is there before it. */
export const vectorLaws = ({ d_initial: value, init_weights: start }: Config) =>
  start ? { b: zeros, d: { kind: 'constant', value } as const } : { b: ones, d: normal(1) };
