import type { TrialSummary } from '@tfjs-peft/eval/run-folder';

/** One run, as it is kept in the repository. */
export interface RunRecord {
  readonly task: string;
  /** `search`: a try on the split that rates are chosen on. `report`: a run that is reported. */
  readonly part: 'search' | 'report';
  readonly method: string;
  /** Null for floors. */
  readonly rate: number | null;
  readonly dataSeed: number;
  readonly dev: number | null;
  readonly bestStep: number | null;
  readonly test: number;
  readonly trainableParameters: number;
  readonly fileBytes: number;
  readonly seconds: number;
  readonly backend: string;
  readonly splitHash: string;
  readonly configHash: string;
}

/** Enough of a SHA-256 to tell runs apart. */
export const shortHash = (hash: string): string => hash.slice(0, 16);

/** Of a finished trial. A failed one is an error: a table must not be made around it. */
export function toRecord(
  summary: TrialSummary,
  { task, part, method, rate }: Pick<RunRecord, 'task' | 'part' | 'method' | 'rate'>,
): RunRecord {
  if (summary.status !== 'done')
    throw new Error(`${task}, ${summary.method}, split ${summary.dataSeed} failed: ${summary.error?.message}`);
  const { headlineSplit, dev, dataSeed, trainableParameters, fileBytes, backend, configHash } = summary;
  return {
    task,
    part,
    method,
    rate,
    dataSeed,
    dev: dev?.headline ?? null,
    bestStep: dev?.step ?? null,
    test: Number(summary.test[headlineSplit]!.headline.toFixed(4)),
    trainableParameters,
    fileBytes,
    seconds: Number(summary.seconds.toFixed(1)),
    backend,
    splitHash: shortHash(summary.splitHash),
    configHash: shortHash(configHash),
  };
}
