import { PeftError } from '@tfjs-peft/peft-core';
import { expandMethod } from '../methods/complete-method.js';
import { type Catalogue, createCatalogue, findPreset } from '../methods/plugins.js';
import { type ExperimentConfig, type ExperimentConfigInput, parseExperiment } from './experiment-config.js';
import { mergeTrainConfigs } from './train-config.js';
import type { TrialConfig, TrialMethod } from './trial-config.js';

/** An experiment and the trials that it consists of; plain data. */
export interface ResolvedExperiment {
  /** The experiment with all defaults written out. */
  readonly config: ExperimentConfig;
  /** One entry a (data seed, training seed, method), methods together within a seed so that early results compare all of them. */
  readonly trials: readonly TrialConfig[];
}

/**
 * What an experiment will run, without touching data, a host or a tensor. Floors appear once a data seed.
 * Errors: `CONFIG_INVALID`, `UNKNOWN_TASK`, `UNKNOWN_PRESET`, `UNKNOWN_METHOD`, `METHOD_NAME_TAKEN`, `SEED_REPEATED`.
 */
export function resolveExperiment(
  input: ExperimentConfigInput,
  catalogue: Catalogue = createCatalogue(),
): ResolvedExperiment {
  const config = parseExperiment(input);
  requireFile(config);
  if (!config.data.file) catalogue.tasks.get(config.task);
  const methods = config.methods.map((entry) => resolveMethod(config, entry, catalogue));
  const twice = firstRepeated(methods.map(({ method }) => method.name));
  if (twice !== undefined)
    throw new PeftError('METHOD_NAME_TAKEN', {
      found: `two methods are named "${twice}"`,
      fix: 'give each entry of `methods` a name of its own',
    });
  for (const [kind, seeds] of Object.entries(config.seeds)) {
    const seed = firstRepeated(seeds);
    if (seed !== undefined)
      throw new PeftError('SEED_REPEATED', {
        found: `seeds.${kind} has ${seed} twice`,
        expected: 'different seeds: a repeated one is no new evidence',
        fix: 'remove one of them',
      });
  }
  const { version, task, data, model, metrics, test } = config;
  const trials = config.seeds.data.flatMap((dataSeed) =>
    config.seeds.train.flatMap((trainSeed, index) =>
      methods
        .filter(({ method }) => method.kind === 'trained' || index === 0)
        .map(({ method, train }): TrialConfig => {
          return {
            version,
            task,
            data,
            model,
            method,
            train,
            seed: { data: dataSeed, train: trainSeed },
            metrics,
            test,
          };
        }),
    ),
  );
  return { config, trials };
}

function resolveMethod(
  config: ExperimentConfig,
  given: ExperimentConfig['methods'][number],
  catalogue: Catalogue,
): Pick<TrialConfig, 'method' | 'train'> {
  const entry = typeof given === 'string' ? { name: given, train: {}, recipe: undefined } : given;
  if (entry.method && entry.preset !== undefined)
    throw new PeftError('CONFIG_INVALID', {
      found: `method "${entry.name}" has both \`preset\` and \`method\``,
      fix: 'keep one of the two',
    });
  const preset = entry.method ? undefined : findPreset(catalogue, entry.preset ?? entry.name);
  if (preset?.floor) {
    requireUntrained(entry);
    return { method: { name: entry.name, kind: 'floor', floor: preset.floor }, train: null };
  }
  const template = entry.method ?? preset?.method;
  if (!template)
    throw new PeftError('CONFIG_INVALID', {
      found: `preset "${preset?.name}" has neither a method nor a floor`,
      expected: '`method` for kind "trained", `floor` for kind "floor"',
    });
  const method: TrialMethod = {
    name: entry.name,
    kind: 'trained',
    description: expandMethod(template, catalogue.registry),
    recipe: entry.recipe ?? preset?.recipe ?? 'supervised',
  };
  return { method, train: mergeTrainConfigs(preset?.train, config.train, entry.train) };
}

function requireUntrained({ name, recipe, train }: Exclude<ExperimentConfig['methods'][number], string>): void {
  if (recipe === undefined && Object.keys(train).length === 0) return;
  throw new PeftError('CONFIG_INVALID', {
    found: `\`${recipe === undefined ? 'train' : 'recipe'}\` of "${name}", a floor, which is not trained`,
    fix: 'take it out',
  });
}

function requireFile({ task, data }: ExperimentConfig): void {
  if ((task === 'file') === (data.file !== null)) return;
  throw new PeftError('CONFIG_INVALID', {
    found: task === 'file' ? 'task "file" without data.file' : `task "${task}" together with data.file`,
    fix: task === 'file' ? 'name the file and its columns under data.file' : 'use task "file", or remove data.file',
  });
}

const firstRepeated = <T>(values: readonly T[]): T | undefined =>
  values.find((value, index) => values.indexOf(value) !== index);
