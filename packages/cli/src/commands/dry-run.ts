import { type ExperimentConfigInput, resolveExperiment } from '@tfjs-peft/eval';
import { createCatalogue, loadGivenPlugins } from '@tfjs-peft/eval/methods';
import { formatBytes, formatNumber, shotsText } from '@tfjs-peft/eval/report';
import { type TrialConfig, trialFolderName } from '@tfjs-peft/eval/run-folder';
import { describeOnTask, openTaskData } from '@tfjs-peft/eval/trial';
import {
  countParameters,
  type CoverageRow,
  isPeftError,
  type ParameterCount,
  reportCoverage,
} from '@tfjs-peft/peft-core';
import { notesOn } from '@tfjs-peft/peft-core/authoring';
import type { ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import { findCoincidingVertices } from '@tfjs-peft/subspace';
import { countSteps } from '@tfjs-peft/train';
import type { CliIo } from '../cli-io.js';
import { describeHost, type HostDescription } from './describe-host.js';
import { estimateMemory, type MemoryEstimate } from './estimate-memory.js';
import { defaultFolder, pluginDirectory, type RunCommandOptions } from './run-options.js';
import { jsonLine } from '../safe-output.js';

interface MethodPlan {
  readonly method: string;
  readonly kind: 'floor' | 'trained';
  readonly counts: ParameterCount | null;
  readonly coverage: readonly CoverageRow[];
  readonly warnings: readonly string[];
  readonly memory: MemoryEstimate | null;
  readonly steps: number | null;
  /** Why it cannot be run; null if it can. */
  readonly error: string | null;
}

/** Prints what an experiment would run: trials, parameters, coverage of the host, memory. Reads headers, allocates no tensor. */
export async function dryRun(input: ExperimentConfigInput, options: RunCommandOptions, io: CliIo): Promise<number> {
  const { plugins } = await loadGivenPlugins(options.plugin ?? [], {
    names: input.plugins ?? [],
    directory: pluginDirectory(options),
  });
  const catalogue = createCatalogue(plugins);
  const { config, trials } = resolveExperiment(input, catalogue);
  // Reads the rows and cuts the splits: what cannot be cut is an error here as it is in a run.
  const task = await openTaskData(config, config.seeds.data, catalogue);
  const { loaded, split } = task;
  const notes = [...(loaded.warnings ?? []), ...config.seeds.data.flatMap((seed) => split(seed).warnings)];
  new Set(notes).forEach((text) => io.err(`warning: ${text}\n`));
  const host = await describeHost(config.model);
  const firsts = trials.filter(
    (trial, index) => trials.findIndex(({ method }) => method.name === trial.method.name) === index,
  );
  const methods = firsts.map((trial): MethodPlan => {
    const { method, train } = trial;
    const base = {
      method: method.name,
      kind: method.kind,
      coverage: [],
      warnings: [],
      memory: null,
      counts: null,
      steps: null,
      error: null,
    };
    if (method.kind === 'floor' || !train) return base;
    // Protocols that count K per class or share it with the development set differ by a few steps an epoch at most.
    const classes = task.kind === 'labels' ? task.labels.length : 1;
    const examples = config.data.protocol === 'per_class' ? config.data.shots * classes : config.data.shots;
    const { steps } = countSteps(train, examples);
    if (!host) return { ...base, steps };
    const readout = config.model.readout ?? host.spec.defaultReadout;
    let plan: ParameterPlan;
    try {
      plan = catalogue.registry
        .build(describeOnTask(method.description, catalogue.registry, task, readout))
        .plan(host.spec);
    } catch (error) {
      return { ...base, steps, error: `${isPeftError(error) ? '' : 'a fault of the method: '}${String(error)}` };
    }
    const counts = countParameters(plan);
    return {
      ...base,
      counts,
      steps,
      coverage: reportCoverage(plan, host.spec),
      warnings: [...notesOn(plan, host.spec), ...findCoincidingVertices(plan)],
      memory: estimateMemory(host, counts, train.batchSize, config.data.maxTokens),
    };
  });
  const folder = options.output ?? defaultFolder(input);
  io.out(
    options.json
      ? jsonLine({
          folder,
          config,
          trials: trials.map((trial) => ({ folder: trialFolderName(trial), ...trial })),
          methods,
        })
      : format(folder, trials, methods, host),
  );
  return methods.some(({ error }) => error !== null) ? 1 : 0;
}

function format(
  folder: string,
  trials: readonly TrialConfig[],
  methods: readonly MethodPlan[],
  host: HostDescription | null,
): string {
  const { data, task, model } = trials[0]!;
  const hostLine = host
    ? `${model.name}: ${host.spec.numHiddenLayers} layers × ${host.spec.hiddenSize}, ${formatNumber(host.numbers)} numbers, frozen`
    : `${model.name}: not on this machine, so parameters cannot be counted before it is downloaded`;
  const methodLines = methods.flatMap(({ method, kind, counts, coverage, warnings, memory, steps, error }) =>
    kind === 'floor'
      ? [`  ${method}: floor`]
      : [
          `  ${method}: ${steps} steps${counts ? `, ${formatNumber(counts.trainable)} trainable numbers, ${formatNumber(counts.effective)} effective` : ''}`,
          ...coverage.map(
            (row) =>
              `    ${row.covered} of ${row.total} ${row.kind} sites${row.layers.length > 0 ? ` (layers ${row.layers.join(', ')})` : ''}, ${formatNumber(row.numbers)} numbers`,
          ),
          ...(error === null ? [] : [`    cannot be run: ${error}`]),
          ...warnings.map((warning) => `    warning: ${warning}`),
          ...(memory
            ? [
                `    memory: host ${formatBytes(memory.host)}, training state ${formatBytes(memory.training)}, activations at most ${formatBytes(memory.activations)} (texts of ${data.maxTokens} tokens)`,
              ]
            : []),
        ],
  );
  return `${[
    'This is a plan; nothing was run.',
    `task ${task === 'file' ? data.file?.file : task}, ${shotsText(data.shots, data.protocol)}, protocol ${data.protocol}`,
    `host ${hostLine}`,
    'methods:',
    ...methodLines,
    `${trials.length} runs in ${folder}/trials:`,
    ...trials.map((trial) => `  ${trialFolderName(trial)}`),
  ].join('\n')}\n`;
}
