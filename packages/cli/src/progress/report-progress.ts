import type { ExperimentEvent, TrialReference, TrialTrainEvent } from '@tfjs-peft/eval';
import type { CliIo } from '../cli-io.js';
import { formatTimeLeft } from './format-time-left.js';
import { oneSafeLine, safeLines } from '../safe-output.js';
import { createProgressState } from './progress-state.js';

export interface ProgressReport {
  onEvent(event: ExperimentEvent): void;
  /** A line that stays, above the bar where there is one. */
  line(text: string): void;
  stop(): void;
}

/** Without a terminal, a line at most so often. */
const lineEverySeconds = 4;

/**
 * Shows an experiment's progress on standard error: a bar in a terminal, otherwise a line every few seconds. Warnings, the majority floor and
 * what a method's runs did not compute again get lines of their own; the end says how often a warning came again. Quiet: warnings only.
 */
export async function reportProgress(io: CliIo, { quiet }: { readonly quiet: boolean }): Promise<ProgressReport> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const state = createProgressState(seconds);
  const bar = quiet ? null : await openBar(io);
  const floorsSaid = new Set<string>();
  const keptSaid = new Set<string>();
  const timesWarned = new Map<string, number>();
  let lastLine = -Infinity;

  const line = (text: string) => {
    if (bar) bar.above(`${safeLines(text)}\n`);
    else io.err(`${text}\n`);
  };
  const tick = (force: boolean) => {
    if (quiet) return;
    const snapshot = state.snapshot();
    const left = snapshot.secondsLeft === null ? '' : formatTimeLeft(snapshot.secondsLeft);
    if (bar)
      return bar.update(
        snapshot.fraction,
        snapshot.total === 0 ? '' : `${snapshot.done}/${snapshot.total} runs`,
        left,
        snapshot.text,
      );
    if (!force && seconds() - lastLine < lineEverySeconds) return;
    lastLine = seconds();
    const count = snapshot.total === 0 ? '' : `${snapshot.done} of ${snapshot.total} runs, `;
    line(`[${Math.round(seconds())} s] ${count}${snapshot.text}${left === '' ? '' : `, ${left}`}`);
  };
  // Events may pause for seconds (a long evaluation, a compilation): the clock goes on.
  const timer = setInterval(() => tick(false), 1000);
  timer.unref();

  return {
    onEvent(event) {
      const notable = state.add(event);
      if (event.type === 'warning') sayWarning(event);
      if (!quiet && event.type === 'plan') sayReused(event);
      if (!quiet && event.type === 'trial-end') sayFloor(event);
      if (!quiet && event.type === 'train' && event.event.type === 'end') sayKept(event.trial, event.event);
      tick(notable);
    },
    line,
    stop() {
      clearInterval(timer);
      for (const [text, times] of timesWarned)
        if (times > 1) line(`warning, ${times === 2 ? 'once' : `${times - 1} times`} more: ${text}`);
      timesWarned.clear();
      bar?.stop();
    },
  };

  function sayReused({ trials, finished }: Extract<ExperimentEvent, { type: 'plan' }>): void {
    if (finished.length > 0) line(`${finished.length} of ${trials.length} runs were there already`);
  }

  function sayWarning({ trial, text }: Extract<ExperimentEvent, { type: 'warning' }>): void {
    const safe = oneSafeLine(text);
    const times = timesWarned.get(safe) ?? 0;
    timesWarned.set(safe, times + 1);
    if (times === 0) line(`warning: ${trial ? `${trial.method}, data seed ${trial.dataSeed}: ` : ''}${safe}`);
  }

  function sayFloor({ trial, summary }: Extract<ExperimentEvent, { type: 'trial-end' }>): void {
    if (trial.kind !== 'floor' || summary.status !== 'done' || floorsSaid.has(trial.method)) return;
    floorsSaid.add(trial.method);
    const value = summary.test[summary.headlineSplit]?.headline;
    if (value !== undefined)
      line(
        `floor ${trial.method}: ${value.toFixed(1)} ${summary.headlineMetric} on ${summary.headlineSplit} (data seed ${trial.dataSeed})`,
      );
  }

  function sayKept({ method }: TrialReference, { activations }: Extract<TrialTrainEvent, { type: 'end' }>): void {
    if (!activations || keptSaid.has(method)) return;
    keptSaid.add(method);
    const { computed, reused, dropped, megabytes, limit } = activations;
    line(
      `${method}: frozen layers below it ran for ${computed} texts, not for ${reused} more; ${megabytes.toFixed(1)} MB of activations kept` +
        (dropped > 0
          ? `, ${dropped} texts made room: more than ${limit} MB (train.activationMegabytes) would save more`
          : ''),
    );
  }
}

async function openBar({ bar: stream }: CliIo) {
  if (!stream) return null;
  const { default: progress } = await import('cli-progress');
  const create = () => {
    const created = new progress.SingleBar({
      stream,
      format: '{bar} {percentage} %  {runs}  {left}  {text}',
      barCompleteChar: '#',
      barIncompleteChar: '.',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      linewrap: false,
      fps: 5,
      // Ctrl-C is ours.
      gracefulExit: false,
    });
    created.start(1000, value, payload);
    return created;
  };
  let value = 0;
  let payload = { runs: '', left: '', text: 'starting' };
  let current = create();
  return {
    update(fraction: number, runs: string, left: string, text: string) {
      payload = { runs, left, text: oneSafeLine(text, 2000) };
      value = Math.floor(1000 * fraction);
      current.update(value, payload);
    },
    above(text: string) {
      current.stop();
      stream.write(text);
      current = create();
    },
    stop: () => current.stop(),
  };
}
