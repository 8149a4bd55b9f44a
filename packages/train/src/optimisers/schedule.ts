/** What the learning rate is multiplied by in update `step` (counted from 1) of `steps`. */
export type Schedule = (step: number, steps: number) => number;

/** After the warm-up: as it is, linear to 0, or half a cosine to 0. */
export type Decay = 'constant' | 'linear' | 'cosine';

/**
 * A linear rise from 0 over the first ceil(warmupRatio · steps) updates, then the decay. The first update of a run with warm-up has rate 0, as in
 * the schedules of HF transformers.
 */
export function warmupThen(decay: Decay, warmupRatio: number): Schedule {
  return (step, steps) => {
    const done = step - 1;
    const warmup = Math.ceil(warmupRatio * steps);
    if (done < warmup) return done / warmup;
    const progress = (done - warmup) / Math.max(1, steps - warmup);
    switch (decay) {
      case 'constant':
        return 1;
      case 'linear':
        return Math.max(0, 1 - progress);
      case 'cosine':
        return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    }
  };
}
