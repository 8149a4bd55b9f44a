import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { requireMethods } from '../statistics/require-methods.js';
import { canonicalJson } from '@tfjs-peft/peft-core/files';
import type { ValidationConfig } from '@tfjs-peft/train';
import type { ExperimentConfigInput } from '../config/experiment-config.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { hashTrial, type TrialConfig } from '../config/trial-config.js';
import { type Catalogue, createCatalogue } from '../methods/plugins.js';
import type { Arm } from './arm.js';
import { type GridConfig, type GridConfigInput, type GridMethod, parseGrid } from './grid-config.js';
import { factorDesign } from './factor-design.js';
import { referencesOf } from './references-of.js';
import { listTries, type Try } from './search-space.js';

/** One task, host and K: an experiment of its own. */
export interface GridCell {
  /** `sst2-minilm-100`: also the name of its folder. */
  readonly id: string;
  readonly task: string;
  readonly model: string;
  readonly shots: number;
  readonly arms: readonly Arm[];
  readonly experiment: ExperimentConfigInput;
  /** The tries, where settings are chosen first; `experiment` then holds the methods as they are given. */
  readonly search?: { readonly experiment: ExperimentConfigInput; readonly tries: readonly Try[] };
}

/** A grid and all that it will run; plain data. */
export interface ExpandedGrid {
  readonly config: GridConfig;
  readonly cells: readonly GridCell[];
  /** Training runs and floors in all, tries included. */
  readonly trials: number;
  /** Of `trials`, those that only try settings. */
  readonly tries: number;
  /** Arms of all cells and seeds that need no run of their own: they share one that differs in the rule of selection, or is the same. */
  readonly shared: number;
}

/**
 * What a grid will run, without touching data, a host or a tensor. Arms that resolve to the same configuration are one; arms that differ only in
 * `train.validation` share a training run, as rules of selection. Errors: `CONFIG_INVALID`, `UNKNOWN_TASK`, `UNKNOWN_PRESET`,
 * `UNKNOWN_METHOD`, `METHOD_NAME_TAKEN`, `DESIGN_UNBALANCED`, `SEED_REPEATED`, `SEARCH_UNEQUAL`, `SEARCH_SEED_REPORTED`, `GRID_CELL_REPEATED`.
 */
export function expandGrid(input: GridConfigInput, catalogue: Catalogue = createCatalogue()): ExpandedGrid {
  const config = parseGrid(input);
  const reported = config.search?.seeds.filter((seed) => config.seeds.data.includes(seed)) ?? [];
  if (reported.length > 0)
    throw new PeftError('SEARCH_SEED_REPORTED', {
      found: `data seed ${reported.join(', ')} in \`search.seeds\` and in \`seeds.data\``,
      expected: 'settings chosen on splits that are not reported',
      fix: 'take it out of one of the two',
    });
  const entries = config.methods.map(
    (given): GridMethod => (typeof given === 'string' ? { name: given, train: {} } : given) as GridMethod,
  );
  checkReferences(config, entries);
  checkSearch(config, entries);
  const cells = config.tasks.flatMap((task) =>
    config.models.flatMap((model) =>
      config.shots.map((shots) => makeCell({ config, entries, task, model, shots, catalogue })),
    ),
  );
  checkFactors(config, cells);
  const twice = cells.find(({ id }, index) => cells.findIndex((cell) => cell.id === id) !== index);
  if (twice)
    throw new PeftError('GRID_CELL_REPEATED', {
      found: `two cells "${twice.id}"`,
      expected: 'each task, host and K once',
      fix: 'remove the repeated one, or give folders of hosts different names',
    });
  const runsOf = (experiment: ExperimentConfigInput) => resolveExperiment(experiment, catalogue).trials.length;
  const tries = cells.reduce((sum, { search }) => sum + (search ? runsOf(search.experiment) : 0), 0);
  const reports = cells.reduce((sum, { experiment }) => sum + runsOf(experiment), 0);
  const armRuns = cells.reduce((sum, { arms }) => sum + arms.filter(({ trial, name }) => trial !== name).length, 0);
  const seeds = config.seeds.data.length * config.seeds.train.length;
  return { config, cells, trials: tries + reports, tries, shared: armRuns * seeds };
}

interface CellRequest {
  readonly config: GridConfig;
  readonly entries: readonly GridMethod[];
  readonly task: GridConfig['tasks'][number];
  readonly model: GridConfig['models'][number];
  readonly shots: number;
  readonly catalogue: Catalogue;
}

function makeCell({ config, entries, task, model, shots, catalogue }: CellRequest): GridCell {
  const { data, train, seeds, metrics, test, search } = config;
  const given = typeof task === 'string' ? { task } : task;
  const host = typeof model === 'string' ? { name: model } : model;
  const directory = directoryOf(data.directory, given.directory);
  const file = given.file ?? null;
  const experiment = (methods: readonly GridMethod[]): ExperimentConfigInput => ({
    version: 1,
    task: given.task,
    data: { ...data, directory, file, shots },
    model: host,
    methods: methods.map(({ search: _, ...entry }) => entry),
    train,
    seeds,
    metrics,
    test,
  });
  const name = file ? slug(file.file.replace(/(?<=[^\\/])\.[^.\\/]*$/, '')) : given.task;
  const label = slug(host.name) + ('prompt' in host ? '-prompt' : '');
  const cell = { id: `${name}-${label}-${shots}`, task: name, model: label, shots };
  const first = { ...experiment(entries), seeds: { data: [0], train: [0] } };
  const resolved = resolveExperiment(first, catalogue).trials;
  if (!search) {
    const { arms, methods } = shareRuns(entries, resolved, data.protocol !== 'none');
    return { ...cell, arms, experiment: experiment(methods) };
  }
  const trainedOf = new Map(resolved.map((trial) => [trial.method.name, trial.train]));
  const tries = entries.flatMap((entry) => {
    const own = trainedOf.get(entry.name);
    if (own) return listTries(entry, own.learningRate, search);
    if (entry.search) throw searchUnused(entry.name, 'is a floor, which has no settings', 'take it out');
    return [];
  });
  return {
    ...cell,
    arms: resolved.map(({ method }) => ({ name: method.name, kind: method.kind, trial: method.name, rule: '' })),
    experiment: experiment(entries),
    search: {
      tries,
      experiment: {
        ...experiment(
          tries.map((one) => ({ ...one.entry, preset: presetOf(one.entry), name: one.name }) as GridMethod),
        ),
        seeds: { data: search.seeds, train: seeds.train.slice(0, 1) },
      },
    },
  };
}

/** Errors: `CONFIG_INVALID` for values to try that nobody would try, or could choose from. */
function checkSearch({ search, data }: GridConfig, entries: readonly GridMethod[]): void {
  const own = entries.find((entry) => entry.search);
  if (own && !search)
    throw searchUnused(
      own.name,
      'has no effect in a grid without `search`',
      'say how many tries: search: { budget, seeds }',
    );
  if (search && data.protocol === 'none')
    throw new PeftError('CONFIG_INVALID', {
      found: '`search` with data.protocol "none"',
      expected: 'a protocol with a development set, by which settings are chosen',
      fix: 'use protocol same_k or per_class, or leave `search` out',
    });
}

const searchUnused = (name: string, why: string, fix: string) =>
  new PeftError('CONFIG_INVALID', { found: `\`search\` of method "${name}", which ${why}`, fix });

/** An entry that is found by its name keeps what it was under another one. */
const presetOf = ({ name, preset, method }: GridMethod) => (method ? undefined : (preset ?? name));

/** The experiment of a cell after its settings were chosen. Errors: `SEARCH_FAILED` where every try of a method failed. */
export function withChosen(cell: GridCell, chosen: ReadonlyMap<string, Try>): ExperimentConfigInput {
  const methods = cell.experiment.methods.map((entry) => {
    const name = typeof entry === 'string' ? entry : entry.name;
    const one = chosen.get(name);
    if (one) return { ...one.entry, name };
    if (cell.search?.tries.some(({ method }) => method === name))
      throw new PeftError('SEARCH_FAILED', {
        found: `every try of "${name}" on ${cell.id} failed`,
        fix: 'look at why in its folder `search`, change its `search` values or delete the folders of its tries, and run again',
      });
    return entry;
  });
  return { ...cell.experiment, methods: methods as ExperimentConfigInput['methods'] };
}

function directoryOf(base: string | null, own: string | undefined): string | null {
  if (own === undefined) return base;
  return isAbsolute(own) || base === null ? own : join(base, own);
}

/** Groups methods that train alike: the first of each group runs, the others are rules of selection in its runs. */
function shareRuns(entries: readonly GridMethod[], trials: readonly TrialConfig[], chooses: boolean) {
  const arms: Arm[] = [];
  const leaders = new Map<
    string,
    { readonly entry: GridMethod; readonly rules: Map<string, Rule>; readonly own: string }
  >();
  trials.forEach((trial, index) => {
    const { method, train } = trial;
    const entry = entries[index]!;
    const validation = canonicalJson((train?.validation ?? null) as never);
    const shareable = chooses && method.kind === 'trained' && method.recipe !== 'contrastive' && !train?.selections;
    const key = shareable ? hashTrial({ ...trial, train: { ...train!, validation: neutral } }) : hashTrial(trial);
    const leader = leaders.get(key);
    const arm = { name: entry.name, kind: method.kind };
    if (!leader) {
      leaders.set(key, { entry, rules: new Map(), own: validation });
      arms.push({ ...arm, trial: entry.name, rule: '' });
    } else if (leader.own === validation) arms.push({ ...arm, trial: leader.entry.name, rule: '' });
    else {
      const known = leader.rules.get(validation) ?? { name: entry.name, validation: train!.validation };
      leader.rules.set(validation, known);
      arms.push({ ...arm, trial: leader.entry.name, rule: known.name });
    }
  });
  const methods = [...leaders.values()].map(({ entry, rules }) =>
    rules.size === 0
      ? entry
      : ({
          ...entry,
          train: {
            ...entry.train,
            selections: Object.fromEntries([...rules.values()].map(({ name, validation }) => [name, validation])),
          },
        } as GridMethod),
  );
  return { arms, methods };
}

interface Rule {
  readonly name: string;
  readonly validation: ValidationConfig;
}

/** In place of a validation, where everything else is compared. */
const neutral = { mode: 'midpoint', aggregate: 'pooled', draws: 1, resample: true, logMidpoint: true } as const;

/** Two arms of one combination of factors are refused before anything runs. */
function checkFactors(config: GridConfig, cells: readonly GridCell[]): void {
  const trained = cells[0]!.arms.filter(({ kind }) => kind === 'trained').map(({ name }) => name);
  if (config.factors) factorDesign(config.factors, trained, referencesOf({ config, cells }));
}

function checkReferences({ references = [], factors = {} }: GridConfig, entries: readonly GridMethod[]): void {
  const names = entries.map(({ name }) => name);
  requireMethods([...references, ...Object.values(factors).flat()], names, {
    found: (name) => `"${name}" among the references or factors`,
    among: 'one of the methods of the grid',
  });
}

/** The last part of a path as a name of a folder; of one without a Latin letter or digit what tells it from others. */
function slug(path: string): string {
  const last = path.replace(/[\\/]+$/, '').replace(/^.*[\\/]/, '');
  const name = last.replace(/[^\w.-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name || `file-${createHash('sha256').update(last).digest('hex').slice(0, 6)}`;
}
