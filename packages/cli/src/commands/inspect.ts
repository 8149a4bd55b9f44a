import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { formatBytes, formatNumber, formatSeconds } from '@tfjs-peft/eval/report';
import {
  isAdapterFolder,
  readAdapterFolder,
  readResults,
  readSummary,
  readTrialConfig,
} from '@tfjs-peft/eval/run-folder';
import { printable } from '@tfjs-peft/peft-core/authoring';
import {
  type AdapterSummary,
  inspectAdapter,
  type MethodDescription,
  PeftError,
  type WriterVersion,
} from '@tfjs-peft/peft-core';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';

export interface InspectOptions {
  readonly json?: boolean;
}

/** `tfjs-peft inspect`: an adapter, a trial or an experiment, from headers and configurations alone. */
export async function inspect(folder: string, { json = false }: InspectOptions, io: CliIo): Promise<number> {
  const found = (await inspectOwnAdapter(folder)) ?? (await inspectTrial(folder)) ?? (await inspectExperiment(folder));
  if (!found)
    throw new PeftError('NOTHING_TO_INSPECT', {
      found: `"${folder}" ${(await exists(folder)) ? 'holds no adapter, trial or experiment' : 'is not there'}`,
      expected: 'a folder with adapter_config.json, tfjs_peft.json, config.resolved.yaml or results.json',
      fix: 'check the path; an experiment that has not ended keeps its runs below trials/',
    });
  io.out(json ? jsonLine(found.data) : `${found.lines.map(printable).join('\n')}\n`);
  return 0;
}

interface Inspection {
  readonly data: unknown;
  readonly lines: readonly string[];
}

async function inspectOwnAdapter(folder: string): Promise<Inspection | null> {
  if (!(await isAdapterFolder(folder))) return null;
  const { registry } = createCatalogue();
  const summary = await inspectAdapter(await readAdapterFolder(folder), { registry });
  return { data: { kind: 'adapter', ...summary }, lines: adapterLines(summary) };
}

async function inspectTrial(folder: string): Promise<Inspection | null> {
  if (!(await exists(join(folder, 'config.resolved.yaml')))) return null;
  const config = await readTrialConfig(folder);
  const summary = await readSummary(folder);
  const adapter = await inspectOwnAdapter(join(folder, 'adapter'));
  const { method, seed, task, data, model, train } = config;
  const results = Object.entries(summary?.test ?? {}).flatMap(([split, { metrics }]) =>
    Object.entries(metrics).map(([name, value]) => `  ${split} ${name}: ${value.toFixed(2)}`),
  );
  const lines = [
    `trial of method ${method.name} on ${task === 'file' ? data.file?.file : task}`,
    `status: ${summary ? summary.status : 'unfinished'}${summary?.error ? ` (${summary.error.message})` : ''}`,
    `${data.shots} labelled texts, data seed ${seed.data}, train seed ${seed.train}, host ${model.name}`,
    ...(method.kind === 'trained' ? [`method: ${describeMethodTree(method.description)}`] : []),
    ...(train ? [`rate ${train.learningRate}, batch ${train.batchSize}, validation ${train.validation.mode}`] : []),
    ...(summary?.status === 'done'
      ? [
          `${summary.steps} steps in ${formatSeconds(summary.seconds)} on ${summary.backend}, ${formatNumber(summary.trainableParameters)} trainable numbers`,
          ...results,
        ]
      : []),
    ...(adapter ? ['', ...adapter.lines] : []),
  ];
  return { data: { kind: 'trial', config, summary, adapter: adapter?.data ?? null }, lines };
}

async function inspectExperiment(folder: string): Promise<Inspection | null> {
  const results = await readResults(folder);
  if (!results) return null;
  const { config, trials, adapter } = results;
  const failed = trials.filter(({ status }) => status === 'failed');
  const chosen = adapter ? await inspectOwnAdapter(join(folder, 'adapter')) : null;
  const names = config.methods.map((entry) => (typeof entry === 'string' ? entry : entry.name));
  const bytes = trials.reduce((most, { fileBytes }) => Math.max(most, fileBytes), 0);
  const lines = [
    `experiment ${config.name ?? ''} on ${config.task === 'file' ? config.data.file?.file : config.task}`,
    `${trials.length} runs: ${trials.length - failed.length} done, ${failed.length} failed`,
    `methods: ${names.join(', ')}`,
    `${config.data.shots} labelled texts, data seeds ${config.seeds.data.join(', ')}, train seeds ${config.seeds.train.join(', ')}, host ${config.model.name}`,
    ...(config.plugins.length > 0
      ? [`plugins it was run with (nothing is imported here): ${config.plugins.join(', ')}`]
      : []),
    ...(adapter ? [`adapter of ${adapter.trial}: ${adapter.reason}`] : ['no adapter: no method was trained']),
    `largest adapter file: ${formatBytes(bytes)}`,
    ...(chosen ? ['', ...chosen.lines] : []),
  ];
  return { data: { kind: 'experiment', ...results, adapterSummary: chosen?.data ?? null }, lines };
}

function adapterLines(summary: AdapterSummary): string[] {
  const { writtenBy, method, description, unfolded, host, head, tensors, numbers, dtypes, differences } = summary;
  const { coverage, ranks, writer } = summary;
  const made = unfolded ?? description;
  return [
    `adapter ${made ? describeMethodTree(made) : method}, written by ${writtenBy}${writer?.version === undefined ? '' : ` ${writer.version}`}`,
    ...(writer && writer.version === undefined
      ? [`likely version: ${rangeOf(writer)} (${writer.clues.join('; ')})`]
      : []),
    ...(host ? [`host: ${host.name ?? 'unnamed'}, fingerprint ${host.fingerprint.slice(0, 12)}`] : []),
    ...(summary.baseModelNameOrPath !== undefined && !host ? [`host: ${summary.baseModelNameOrPath}`] : []),
    ...(summary.notLoadable === undefined ? [] : [`cannot be loaded: ${summary.notLoadable}`]),
    ...(summary.taskType === undefined ? [] : [`task: ${summary.taskType}`]),
    ...(summary.baseClass === undefined ? [] : [`made around: ${summary.baseClass}`]),
    ...(head ? [`head: ${JSON.stringify(head)}`] : []),
    ...(summary.labels && !head
      ? [`labels: ${summary.labels.slice(0, 20).join(', ')}${summary.labels.length > 20 ? ', …' : ''}`]
      : []),
    `${formatNumber(numbers)} numbers in ${tensors.length} tensors (${dtypes.join(', ')})`,
    ...(ranks.length > 0 ? [`rank: ${ranks.join(', ')}`] : []),
    ...(summary.alpha === undefined ? [] : [`alpha: ${summary.alpha}`]),
    ...coverage.map(
      ({ target, layers, tensors: count, numbers: size }) =>
        `covers ${target}${layers.length > 0 ? ` in ${layers.length} layer${layers.length === 1 ? '' : 's'} (${layers.join(', ')})` : ''}: ${count} tensors, ${formatNumber(size)} numbers`,
    ),
    ...tensors.map(({ file, name, dtype, shape }) => `  ${file}: ${name} ${dtype} [${shape.join(', ')}]`),
    ...differences.map((text) => `differs from HF peft: ${text}`),
    ...summary.knownDefects.map((text) => `likely defect: ${text}`),
  ];
}

const rangeOf = ({ atLeast, below }: WriterVersion): string =>
  [...(atLeast ? [`${atLeast} or later`] : []), ...(below ? [`before ${below}`] : [])].join(', ');

/** `SUBSPACE(COMPOSE(PREFIX_TUNING, HEAD))` */
const describeMethodTree = ({ type, parts }: MethodDescription): string =>
  parts && parts.length > 0 ? `${type}(${parts.map(describeMethodTree).join(', ')})` : type;

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
