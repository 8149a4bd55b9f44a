import type { BackendChoice } from '@tfjs-peft/backend';
import type { PluginModule } from '../methods/load-plugins.js';
import type { Catalogue } from '../methods/plugins.js';
import { reportBackend } from '../trial/report-backend.js';
import { runTrial } from '../trial/run-trial.js';
import { openSession, type SessionConfig } from '../trial/session.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import type { TrialRunner } from './run-trials.js';

/** What all runners of an experiment are told. */
export interface RunnerSetup {
  readonly config: SessionConfig;
  /** What the user's command or configuration named. */
  readonly modules: readonly PluginModule[];
  readonly resume: boolean;
  readonly onEvent: OnExperimentEvent;
  readonly signal?: AbortSignal;
}

/** Runs trials in this process, one after the other, with one session. */
export async function createLocalRunner({
  config,
  resume,
  onEvent,
  signal,
  catalogue,
  backend,
}: RunnerSetup & { readonly catalogue: Catalogue; readonly backend: BackendChoice | 'current' }): Promise<TrialRunner> {
  const report = await reportBackend(backend);
  onEvent({ type: 'phase', text: `backend ${String(report.backend)}` });
  const session = await openSession(config, { catalogue, backend: report, onEvent });
  return {
    async run({ trial, reference, folder }) {
      onEvent({ type: 'trial-start', trial: reference });
      return runTrial(trial, { folder, session, onEvent, signal, resume, reference });
    },
    async close() {
      session.dispose();
    },
  };
}
