import type { BackendChoice } from '@tfjs-peft/backend';
import type { PluginModule } from '../methods/load-plugins.js';
import type { TrialSummary } from '../records/trial-summary.js';
import type { ExperimentEvent } from '../records/experiment-event.js';
import type { SessionConfig } from '../trial/session.js';
import type { PlainError } from '../processes/plain-error.js';
import type { PlannedTrial } from './run-trials.js';

/** Sent by the parent: first `open`, then `run` for one trial after the other. */
export type WorkerRequest =
  | {
      readonly type: 'open';
      readonly config: SessionConfig;
      readonly modules: readonly PluginModule[];
      readonly resume: boolean;
      readonly backend: BackendChoice;
    }
  | { readonly type: 'run'; readonly planned: PlannedTrial }
  | { readonly type: 'abort' }
  | { readonly type: 'close' };

/** Answers of a worker; `ready`, `done` and `failed` each end one request. `alive` says every second that it is not hung. */
export type WorkerReply =
  | { readonly type: 'alive' }
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly event: ExperimentEvent }
  | { readonly type: 'done'; readonly summary: TrialSummary }
  | { readonly type: 'failed'; readonly error: PlainError };
