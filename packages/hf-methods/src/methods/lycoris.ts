import { valuesByPattern } from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import type { TargetModule } from '../select-modules.js';

/** What LoHa and LoKr have in common. */
export const lycorisEntries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(8),
  alpha: z.number().default(8),
  rank_pattern: z.record(z.string(), z.int().min(1)).default({}),
  alpha_pattern: z.record(z.string(), z.number()).default({}),
  rank_dropout: rateEntry,
  module_dropout: rateEntry,
  /** For convolutions, which no host here has. */
  use_effective_conv2d: z.boolean().default(false),
};

type Entries = Pick<z.output<z.ZodObject<typeof lycorisEntries>>, 'r' | 'alpha' | 'rank_pattern' | 'alpha_pattern'>;

/** Entries that map patterns to values. */
export const lycorisPatterns = ['rank_pattern', 'alpha_pattern'];

/** Rank and scale at a module: the first pattern that fits, else the usual values. */
export function rankAndScale(
  { r, alpha, rank_pattern: ranks, alpha_pattern: alphas }: Entries,
  { name }: TargetModule,
  modules: readonly TargetModule[],
): { readonly rank: number; readonly scale: number } {
  const names = modules.map((module) => module.name);
  const place = names.indexOf(name);
  const rank = valuesByPattern('rank_pattern', ranks, r, names)[place]!;
  return { rank, scale: valuesByPattern('alpha_pattern', alphas, alpha, names)[place]! / rank };
}
