import type { ExperimentEvent, TrialReference } from '@tfjs-peft/eval';

/** Where an experiment stands. */
export interface ProgressSnapshot {
  readonly done: number;
  readonly total: number;
  /** Share of the work, 0 to 1, of the runs that are new to this command. */
  readonly fraction: number;
  /** Estimated from what was done so far; null while that is too little. */
  readonly secondsLeft: number | null;
  /** What is going on, in words. */
  readonly text: string;
}

/** A floor costs about this share of a trained run. */
const floorWeight = 0.15;
/** Share of a trained run that is training; the rest is the test. */
const trainingShare = 0.9;
/** Below this share of the work an estimate would be a guess. */
const leastFraction = 0.01;

/** Turns the events of an experiment into a snapshot. `now` gives seconds. */
export function createProgressState(now: () => number) {
  let trials: readonly TrialReference[] = [];
  let cells = 0;
  let text = 'starting';
  let started: number | undefined;
  const share = new Map<number, number>();
  const reused = new Set<number>();
  /** What a resumed run had done before; neither work of this command nor left to do. */
  const before = new Map<number, number>();
  const details = new Map<number, string>();
  const weightOf = ({ kind }: TrialReference) => (kind === 'floor' ? floorWeight : 1);

  const note = (trial: TrialReference, fraction: number, detail: string) => {
    share.set(trial.index, Math.max(share.get(trial.index) ?? 0, fraction));
    details.set(trial.index, detail);
    text = `${nameOf(trial)}: ${detail}`;
  };

  return {
    /** True for a change that is worth a line of its own. */
    add(event: ExperimentEvent): boolean {
      switch (event.type) {
        case 'plan':
          // A grid plans twice: what is tried, then what is compared. The time of the first says nothing of the second.
          started = undefined;
          for (const known of [share, reused, before, details]) known.clear();
          trials = event.trials;
          cells = new Set(trials.map(({ cell }) => cell)).size;
          return false;
        case 'phase':
          text = event.trial ? `${nameOf(event.trial)}: ${event.text}` : event.text;
          return event.trial === undefined;
        case 'trial-start':
          started ??= now();
          note(event.trial, 0, 'starting');
          return false;
        case 'trial-end':
          share.set(event.trial.index, 1);
          if (event.reused) reused.add(event.trial.index);
          else text = `${nameOf(event.trial)}: ${event.summary.status === 'done' ? 'done' : 'failed'}`;
          return false;
        case 'train':
          return train(event.trial, event.event);
        case 'progress':
          if (event.trial) {
            const part = event.total > 0 ? event.done / event.total : 0;
            const test = event.what.startsWith('evaluate') && event.trial.kind === 'trained';
            note(
              event.trial,
              event.trial.kind === 'floor' ? 0.9 * part : test ? trainingShare + (1 - trainingShare) * part : 0,
              `${event.what}, ${event.done} of ${event.total} texts`,
            );
          } else text = `${event.what}, ${event.done} of ${event.total}`;
          return false;
        case 'warning':
          return false;
      }
    },
    snapshot(): ProgressSnapshot {
      const fresh = trials.filter(({ index }) => !reused.has(index));
      const sum = (part: (index: number) => number) =>
        fresh.reduce((added, trial) => added + weightOf(trial) * part(trial.index), 0);
      const earlier = (index: number) => before.get(index) ?? 0;
      const total = sum((index) => 1 - earlier(index));
      const work = sum((index) => Math.max(0, (share.get(index) ?? 0) - earlier(index)));
      const fraction = total === 0 ? (trials.length > 0 ? 1 : 0) : work / total;
      const elapsed = started === undefined ? 0 : now() - started;
      return {
        done: trials.filter(({ index }) => share.get(index) === 1).length,
        total: trials.length,
        fraction,
        secondsLeft: fraction < leastFraction || elapsed <= 0 ? null : (elapsed * (1 - fraction)) / fraction,
        text,
      };
    },
  };

  function train(trial: TrialReference, event: Extract<ExperimentEvent, { type: 'train' }>['event']): boolean {
    if (event.type === 'start') {
      if (event.resumedFrom !== null) before.set(trial.index, (trainingShare * event.resumedFrom) / event.steps);
    } else if (event.type === 'step') {
      const dev = /, dev [\d.]+/.exec(details.get(trial.index) ?? '')?.[0] ?? '';
      note(
        trial,
        (trainingShare * event.step) / event.steps,
        `step ${event.step} of ${event.steps}, loss ${event.loss.toFixed(2)}${dev}`,
      );
    } else if (event.type === 'evaluation')
      note(
        trial,
        (trainingShare * event.step) / event.steps,
        `step ${event.step} of ${event.steps}, loss ${event.loss.toFixed(2)}, dev ${event.headline.toFixed(1)}`,
      );
    return false;
  }

  /** `prefix, split 13`; the train seed where it is not 0, the cell where there are several. */
  function nameOf({ method, dataSeed, trainSeed, cell }: TrialReference): string {
    const where = cells > 1 && cell !== undefined ? `${cell}: ` : '';
    return `${where}${method}, data seed ${dataSeed}${trainSeed === 0 ? '' : `, train seed ${trainSeed}`}`;
  }
}
