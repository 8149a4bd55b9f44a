/**
 * Sweeps: the trials of a grid on many processes and machines, by a queue on Redis, Slurm or Kubernetes.
 * @module
 */
export { type CopiedRecords, copyRecords } from '../sweep/copy-records.js';
export { type KubernetesOptions } from '../sweep/kubernetes-job.js';
export { runSweepWorker, type Shard, type SweepWorkerOptions } from '../sweep/run-worker.js';
export { type SlurmOptions } from '../sweep/slurm-script.js';
export {
  collectSweep,
  openSweepQueue,
  planSweep,
  type PlanSweepOptions,
  runSweepHere,
  type StartedSweep,
  startSweep,
  type SweepEngine,
} from '../sweep/start-sweep.js';
export { markCancelled, readSweepRecord, recordSweep, type SweepRecord } from '../sweep/sweep-folder.js';
export {
  readSweepStatus,
  type SweepStatus,
  type TrialState,
  trialStates,
  type TrialStatus,
} from '../sweep/sweep-status.js';
export type { QueueCounts, QueuedOutcome, QueueWork, TrialQueue } from '../sweep/trial-queue.js';
