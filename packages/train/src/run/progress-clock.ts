/** Estimates the time left from what steps and evaluations of this session took. The first step is left out: it warms up. */
export function createProgressClock() {
  const steps = { count: 0, milliseconds: 0, first: 0 };
  const evaluations = { count: 0, milliseconds: 0 };
  const mean = ({ count, milliseconds }: { count: number; milliseconds: number }, otherwise: number) =>
    count === 0 ? otherwise : milliseconds / count;
  return {
    addStep(milliseconds: number): void {
      if (steps.first === 0) steps.first = milliseconds;
      else {
        steps.count += 1;
        steps.milliseconds += milliseconds;
      }
    },
    addEvaluation(milliseconds: number): void {
      evaluations.count += 1;
      evaluations.milliseconds += milliseconds;
    },
    secondsFor: (stepsLeft: number, evaluationsLeft: number): number =>
      (stepsLeft * mean(steps, steps.first) + evaluationsLeft * mean(evaluations, 0)) / 1000,
  };
}

export type ProgressClock = ReturnType<typeof createProgressClock>;
