import { basename, join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import {
  type DataConfig,
  dataConfig,
  type ExperimentConfig,
  type ModelConfig,
  testConfig,
} from '../config/experiment-config.js';
import type { TrialConfig } from '../config/trial-config.js';
import { mapFile } from '../records/data-file.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import { readSummary } from '../records/trial-folder.js';
import { compareRows } from '../trial/compare-rows.js';
import { openSession, type Session } from '../trial/session.js';
import type { TaskData, TaskRows } from '../trial/task-data.js';
import type { LocatedAdapter } from './locate-adapter.js';
import { maxTokensOf, openAdapter, type OpenAdapterOptions, type OpenedAdapter } from './open-adapter.js';

/** On which task and data a saved adapter is tested. */
export interface TestedAdapterOptions extends OpenAdapterOptions {
  /** Another task than the one it was trained on; needed for an adapter that did not come from a run. */
  readonly task?: string;
  /** Replaces single entries of the trial's data settings: `directory` (where a labelled file is looked for, too), `testCap`, ... */
  readonly data?: Partial<DataConfig>;
  readonly onEvent?: OnExperimentEvent;
  /** Also takes adapters of a causal language model, for tasks of texts. */
  readonly causal?: boolean;
}

/** A saved adapter with all vertices of its simplex, and the task it is tested on. */
export interface TestedAdapter {
  readonly opened: OpenedAdapter;
  readonly session: Session;
}

/**
 * Opens a saved run or adapter together with its task, or with another one of the same labels; dispose `opened`. What is not named is as it was in the run, rows
 * included. Errors: those of {@link openAdapter} and of the task; `TASK_NOT_NAMED`, `LABELS_MISMATCH`, `SPLIT_DATA_CHANGED` where the task of the run has other rows now.
 */
export async function openTestedAdapter(folder: string, options: TestedAdapterOptions): Promise<TestedAdapter> {
  const opened = await openAdapter(folder, { ...options, unfolded: true });
  const { host, tokenizer, located, catalogue, backend, labels } = opened;
  const { trial } = located;
  try {
    const task = options.task ?? trial?.task;
    if (task === undefined)
      throw new PeftError('TASK_NOT_NAMED', {
        found: `"${folder}" did not come from a run here, so its task is unknown`,
        fix: 'name one: task "sst2" with its data directory, for example',
      });
    const maxTokens = maxTokensOf(opened);
    const config: Pick<ExperimentConfig, 'task' | 'data' | 'metrics' | 'model' | 'seeds' | 'test'> = {
      task,
      data: placed({ ...dataOf(trial, options.task), ...(maxTokens !== undefined && { maxTokens }) }, options.data),
      metrics: trial?.metrics ?? { headline: 'unipelt' },
      // Host and tokenizer that were opened make the prompts already.
      model: withoutPrompt(located.model),
      seeds: { data: [trial?.seed.data ?? 0], train: [trial?.seed.train ?? 0] },
      test: trial?.test ?? testConfig.parse({}),
    };
    const session = await openSession(config, {
      catalogue,
      backend,
      host: { host, tokenizer },
      ...(options.onEvent && { onEvent: options.onEvent }),
    });
    if (options.task === undefined) await requireRowsOf(folder, located, session.data);
    requireLabelsOf(session.data, labels);
    return { opened, session };
  } catch (error) {
    opened.dispose();
    throw error;
  }
}

function withoutPrompt({ prompt: _, ...model }: ModelConfig): ModelConfig {
  return model;
}

/** The settings that a trial was run with; of another task without what belongs to its own. */
function dataOf(trial: TrialConfig | null, task: string | undefined): DataConfig {
  if (!trial) return dataConfig.parse({ shots: 16, protocol: 'none' });
  if (task === undefined || task === trial.task) return trial.data;
  const { group: _group, promptTemplate: _promptTemplate, ...rest } = trial.data;
  return { ...rest, file: null };
}

/** Settings of data with single entries replaced. A labelled file is in the folder that is named for the files of the task, unless a file is named too. */
function placed(data: DataConfig, changes: Partial<DataConfig> = {}): DataConfig {
  const { directory } = changes;
  const file =
    data.file && typeof directory === 'string'
      ? mapFile(data.file, (path) => join(directory, basename(path)))
      : data.file;
  return { ...data, file, ...changes };
}

/** Errors: `SPLIT_DATA_CHANGED` where the rows are not those that the adapter's trial saw; a trial that has not ended says nothing of them. */
async function requireRowsOf(folder: string, { trial, trialFolder }: LocatedAdapter, rows: TaskRows): Promise<void> {
  const summary = trialFolder === null ? null : await readSummary(trialFolder);
  if (!trial || summary?.status !== 'done') return;
  const difference = compareRows(summary, trial, rows);
  if (difference === undefined) return;
  throw new PeftError('SPLIT_DATA_CHANGED', {
    found: `the rows of ${rows.loaded.files.join(', ')} are not those of the run that "${folder}" is from: ${difference}`,
    expected: 'the data that it was trained and tested on',
    fix: `name the folder of that data (--data); to test on other rows on purpose, some of which it may have learned from, name the task (--task ${trial.task})`,
  });
}

/** Errors: `LABELS_MISMATCH`. */
function requireLabelsOf(data: TaskData, labels: readonly string[]): void {
  // A task of texts asks for no labels, and a head has no say in it.
  const wanted = data.kind === 'labels' ? data.labels : [];
  if (wanted.length === labels.length && (labels.length === 1 || wanted.every((label, i) => label === labels[i])))
    return;
  const shown = (names: readonly string[]) => (names.length > 0 ? names.join(', ') : 'texts');
  throw new PeftError('LABELS_MISMATCH', {
    found: `the adapter predicts ${shown(labels)}; task ${data.loaded.task.name} has ${shown(wanted)}`,
    expected: 'the same labels in the same order',
    fix: 'name the task it was trained on, or its labels if HF peft wrote it',
  });
}
