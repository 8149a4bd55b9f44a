import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';

const settings = z
  .strictObject({
    /** Most tokens that are added to a prompt. */
    maxNewTokens: z.int().min(1).max(1_000_000).default(64),
    /** `greedy`: the likeliest token; `sample`: a random one; `beam`: the likeliest of several texts. */
    strategy: z.enum(['greedy', 'sample', 'beam']).default('greedy'),
    /** Of `sample`: logits are divided by it. */
    temperature: z.number().positive().default(1),
    /** Of `sample`: only so many of the likeliest tokens; all if null. */
    topK: z.int().min(1).nullable().default(null),
    /** Of `sample`: only the likeliest tokens that have this probability together (Holtzman et al. 2019, arXiv 1904.09751); all if 1. */
    topP: z.number().positive().max(1).default(1),
    /** Of `beam`: texts that are kept. */
    beams: z.int().min(1).max(64).default(4),
    /** Of `beam`: the log-probability of a text is divided by its length to this power. */
    lengthPenalty: z.number().default(1),
    /** Of `beam`: true ends as soon as there are enough whole texts, false when no better one is likely. */
    earlyStopping: z.boolean().default(false),
    /** No group of so many tokens stands twice in a text, its prompt included; 0 for no such rule. */
    noRepeatNgram: z.int().min(0).default(0),
  })
  .readonly();

/** How texts are continued, defaults written out. */
export type GenerationSettings = z.output<typeof settings>;

/** How texts are continued: what has a default may be absent. */
export type GenerationInput = z.input<typeof settings>;

/** Errors: `CONFIG_INVALID`. */
export const parseGeneration = (input: GenerationInput = {}): GenerationSettings =>
  parseConfig(settings, input, 'generation') as GenerationSettings;
