import { canonicalJson } from '@tfjs-peft/peft-core/files';
import type { BackendChoice } from '@tfjs-peft/backend';
import type { TrialConfig } from '../config/trial-config.js';
import type { Catalogue } from '../methods/plugins.js';
import type { SessionConfig } from '../trial/session.js';
import { createLocalRunner } from './local-runner.js';
import { createProcessRunner, type ProcessSetup } from './process-runner.js';
import type { PlannedTrial, TrialRunner } from './run-trials.js';

/** What runners of several experiments are told. */
export interface SwitchingSetup extends Omit<ProcessSetup, 'config' | 'backend'> {
  readonly backend: BackendChoice | 'current';
  readonly catalogue: Catalogue;
  /** Whether trials run in child processes. */
  readonly processes: boolean;
}

/**
 * Runners that take trials of any experiment, one after the other: what a trial shares with others (task, host) is opened anew where it is
 * not that of the trial before. Each process holds one host at a time.
 */
export const createSwitchingRunners = (setup: SwitchingSetup, count: number): TrialRunner[] =>
  Array.from({ length: count }, (_, index) =>
    switching((config) => (setup.processes ? openProcess(config, setup, count, index === 0) : openHere(config, setup))),
  );

const openHere = (config: SessionConfig, setup: SwitchingSetup) => createLocalRunner({ ...setup, config });

async function openProcess(
  config: SessionConfig,
  setup: SwitchingSetup,
  count: number,
  speaks: boolean,
): Promise<TrialRunner> {
  const runner = createProcessRunner({ ...setup, config, backend: setup.backend as BackendChoice }, count, speaks);
  try {
    await runner.start();
    return runner;
  } catch (error) {
    await runner.close();
    throw error;
  }
}

function switching(openRunner: (config: SessionConfig) => Promise<TrialRunner>): TrialRunner {
  let current: { readonly key: string; readonly runner: TrialRunner } | undefined;
  const close = async () => {
    const closing = current;
    current = undefined;
    await closing?.runner.close();
  };
  return {
    async open({ trial }) {
      const config = sessionOf(trial);
      const key = canonicalJson({ ...config, seeds: null } as never);
      if (current?.key === key) return;
      await close();
      current = { key, runner: await openRunner(config) };
    },
    async run(planned: PlannedTrial) {
      return current!.runner.run(planned);
    },
    close,
  };
}

/** What the trials of an experiment share, as one of them says it. Splits of other seeds are made when a trial asks for them. */
const sessionOf = ({ task, data, model, metrics, seed, test }: TrialConfig): SessionConfig => ({
  ...{ task, data, model, metrics, test },
  seeds: { data: [seed.data], train: [seed.train] },
});
