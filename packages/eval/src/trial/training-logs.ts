import type { MetricsRow, TrainEvent } from '@tfjs-peft/train';
import { type LineLog, startLineLog } from '../run-folder/line-log.js';
import { readTimings } from '../records/timings.js';
import { trialFiles } from '../records/trial-folder.js';

/** Writes metrics.jsonl and timings.jsonl of one trial. */
export interface TrainingLogs {
  /** Errors: `DISK_FULL`, `OUTPUT_UNWRITABLE`. */
  write(event: TrainEvent): void;
}

/**
 * A row goes to metrics.jsonl without what differs between two equal runs (time, tensors alive), which goes to timings.jsonl: metrics.jsonl
 * of a run that was killed and resumed is then the same, byte for byte, as that of an uninterrupted one. The first event of a run says
 * what both must hold before the next row, whatever a kill left in them.
 */
export async function openTrainingLogs(folder: string, seconds: () => number): Promise<TrainingLogs> {
  const files = trialFiles(folder);
  const known = await readTimings(files.timings);
  const seen = new Map(known.map(({ step, split, seconds }) => [`${split} ${step}`, seconds]));
  const secondsAt = ({ step, split }: MetricsRow) => seen.get(`${split} ${step}`);
  let logs: { readonly metrics: LineLog; readonly timings: LineLog } | undefined;
  return {
    write(event) {
      if (event.type === 'start')
        logs = {
          metrics: startLineLog(files.metrics, event.history.map(metricsOf)),
          timings: startLineLog(
            files.timings,
            event.history.map((row) => timingOf(row, secondsAt(row))),
          ),
        };
      if (event.type !== 'step' && event.type !== 'evaluation') return;
      logs?.metrics.append(metricsOf(event.row));
      logs?.timings.append(timingOf(event.row, seconds()));
    },
  };
}

function metricsOf({ milliseconds: _milliseconds, tensors: _tensors, ...row }: MetricsRow) {
  return row;
}

const timingOf = ({ step, split, milliseconds, tensors }: MetricsRow, seconds: number | undefined) => ({
  step,
  split,
  milliseconds,
  tensors,
  seconds,
});
