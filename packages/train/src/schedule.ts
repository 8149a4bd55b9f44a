import type { TrainConfig } from './train-config.js';

/**
 * What the learning rate is multiplied by in update `step` (counted from 1) of `steps`: a linear rise from 0 over the first
 * ceil(warmupRatio · steps) updates, then constant, linear to 0, or half a cosine to 0. The first update of a run with warm-up has rate 0,
 * as in the schedules of HF transformers.
 */
export function learningRateFactor(
  { schedule, warmupRatio }: Pick<TrainConfig, 'schedule' | 'warmupRatio'>,
  step: number,
  steps: number,
): number {
  const done = step - 1;
  const warmup = Math.ceil(warmupRatio * steps);
  if (done < warmup) return done / warmup;
  const progress = (done - warmup) / Math.max(1, steps - warmup);
  switch (schedule) {
    case 'constant':
      return 1;
    case 'linear':
      return Math.max(0, 1 - progress);
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
  }
}
