import type { BackendChoice } from '@tfjs-peft/backend';
import { createStream, type Host, substream } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { fixedEpisodes } from '@tfjs-peft/meta';
import { startValues } from '@tfjs-peft/train';
import type { Tokenizer } from '@tfjs-peft/transformer';
import { completeMethod } from '../methods/complete-method.js';
import type { Catalogue } from '../methods/plugins.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { meanCurve, type MeanPoint } from './mean-curve.js';
import { readStart, requireLabels, requirePrepared } from './prepared-folder.js';
import { readLabelledTexts, type TaskColumns } from './read-tasks.js';
import { taskLearning } from './task-parts.js';

/** New tasks that a start is tried on. */
export interface TryOptions {
  /** The folder that `prepareStart` wrote. */
  readonly prepared: string;
  /** Labelled files, one a task. */
  readonly tasks: readonly string[];
  readonly columns: TaskColumns;
  /** Texts of each class to learn from, and to judge by. */
  readonly shots: number;
  readonly queries: number;
  /** Numbers of steps, rising, after which it is judged. */
  readonly at: readonly number[];
  /** Of the choice of texts, and of what begins at random. */
  readonly seed: number;
  readonly catalogue: Catalogue;
  readonly backend: BackendChoice | 'current';
  /** Counts judgements of both starts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
  /** Used instead of the recorded host; disposed at the end. */
  readonly host?: { readonly host: Host; readonly tokenizer: Tokenizer };
}

/** What a start is worth on new tasks: means over them, beside the same method that was not prepared. */
export interface TriedStart {
  readonly backend: JsonObject;
  readonly tasks: readonly { readonly name: string; readonly classes: number }[];
  /** Numbers of the start. */
  readonly trainable: number;
  readonly prepared: readonly MeanPoint[];
  readonly unprepared: readonly MeanPoint[];
  /** Of all steps and judgements. */
  readonly seconds: number;
}

/**
 * Tries a prepared start on new tasks beside the same method at its initial values: the same texts, heads, rule and rate. Writes nothing. Errors:
 * those of `adaptStart` but those of its folder; `PREDICTION_ABORTED`.
 */
export async function tryStart(options: TryOptions): Promise<TriedStart> {
  const { prepared, catalogue, shots, queries, at, seed, signal } = options;
  const record = await requirePrepared(prepared);
  const backend = await reportBackend(options.backend);
  const { host, tokenizer, readout } = await openHost(record.model, options.host);
  try {
    const { registry } = catalogue;
    const method = registry.build(record.method);
    const start = await readStart(prepared, record, method, host);
    const cut = { tokenizer, maxTokens: record.maxTokens };
    const tasks = [];
    for (const file of options.tasks) tasks.push(await readLabelledTexts(file, options.columns, cut));
    for (const task of tasks) requireLabels(record, task);
    const { head } = record;
    const ownPart =
      head &&
      (({ labels = [] }: { readonly labels?: readonly string[] }) =>
        registry.build(completeMethod(head, registry, labels, readout)));
    const request = {
      host,
      method,
      learning: taskLearning(method, record.inner, ownPart ?? undefined),
      episodes: fixedEpisodes(tasks, { shots, queries, ways: null }, { perTask: 1, seed }),
      at,
      seed,
      signal,
    };
    const each = tasks.length * at.length;
    const tell = (before: number) => (progress: { readonly done: number }) =>
      options.onProgress?.({ done: before + progress.done, total: 2 * each });
    const plan = method.plan(host.spec);
    const { raw, buffers = [] } = plan;
    // What only a preparation knows, such as places that it chose, is that of the start.
    const known = new Map([...start].filter(([name]) => buffers.some((buffer) => buffer.name === name)));
    const fresh = startValues(plan, substream(createStream(seed), 'initial-values'), known);
    const started = performance.now();
    const curves = {
      prepared: await meanCurve({ ...request, values: start, onProgress: tell(0) }),
      unprepared: await meanCurve({ ...request, values: fresh, onProgress: tell(each) }),
    };
    return {
      backend,
      tasks: tasks.map(({ name, labels }) => ({ name, classes: labels.length })),
      trainable: raw.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
      ...curves,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    host.dispose();
  }
}
