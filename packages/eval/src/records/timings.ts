import * as z from 'zod';
import { parseLines } from '../run-folder/line-log.js';
import { readTextIfThere } from '../run-folder/read-text.js';

/** A line of timings.jsonl, as far as it is read back: `seconds` of the trial when the row was written, earlier processes included. */
const timing = z.object({
  step: z.int().min(0),
  split: z.string(),
  seconds: z.number().min(0),
  milliseconds: z.number().min(0).optional(),
});

export type Timing = z.output<typeof timing>;

/** The lines of timings.jsonl. Those of another shape are left out: times are shown, nothing rests on them. */
export const readTimings = async (path: string): Promise<Timing[]> =>
  parseLines(await readTextIfThere(path)).flatMap((line) => timing.safeParse(line).data ?? []);
