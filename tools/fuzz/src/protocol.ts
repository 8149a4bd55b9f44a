/** A range of inputs of one reader. */
export interface Batch {
  readonly reader: string;
  readonly seed: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Ends the batch early: milliseconds since 1970. */
  readonly until: number;
  readonly progressFile: string;
  /** See `Reader.open`. */
  readonly shared: string;
  readonly limits: Limits;
}

/** Bounds of one input. */
export interface Limits {
  /** Processor time. */
  readonly cpuMs: number;
  /** Wall time, after which the worker is killed. */
  readonly hangMs: number;
  /** Growth of the resident memory. */
  readonly bytes: number;
  /** Length of a message. */
  readonly messageLength: number;
}

/** A Parquet file may take the 10 s after which the library itself gives up, and the start of its process. */
export const usualLimits: Limits = { cpuMs: 2000, hangMs: 25_000, bytes: 2 ** 28, messageLength: 10_000 };

export type FindingKind =
  | 'hang' // ran beyond the wall time, killed
  | 'death' // the process ended: out of memory, or exit
  | 'escape' // an error that is no PeftError
  | 'wrong value' // an oracle says no
  | 'slow'
  | 'memory'
  | 'message' // longer than allowed
  | 'pollution' // Object.prototype has changed
  | 'unhandled'; // a rejection that nobody waits for

export interface Finding {
  readonly reader: string;
  readonly index: number;
  readonly kind: FindingKind;
  readonly message: string;
  /** Findings with the same signature are taken for the same. */
  readonly signature: string;
}

export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'opened' }
  | { readonly type: 'finding'; readonly finding: Finding }
  | { readonly type: 'done'; readonly next: number };
