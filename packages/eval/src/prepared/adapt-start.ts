import type { BackendChoice } from '@tfjs-peft/backend';
import {
  createStream,
  disposeParameters,
  type Host,
  initialValues,
  type NamedArrays,
  type Parameters,
  type PeftMethod,
  readParameters,
  saveAdapter,
  type Stream,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { adaptInSteps, rowsOfList } from '@tfjs-peft/meta';
import { type Architectures, chosenArchitectures, taskBuffers, withArchitectures } from '@tfjs-peft/tams';
import {
  accuracy,
  crossEntropy,
  type LabelledExample,
  microBatches,
  predictLogits,
  toBatch,
  withEffective,
} from '@tfjs-peft/train';
import type { Tokenizer } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import type { ModelConfig } from '../config/experiment-config.js';
import { completeMethod } from '../methods/complete-method.js';
import type { Catalogue } from '../methods/plugins.js';
import { requireEmptyFolder } from '../run-folder/require-empty-folder.js';
import { writeAdapterFolder } from '../run-folder/adapter-folder.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { type DrawnTexts, drawTexts, shuffled } from './draw-texts.js';
import { type PreparedRecord, readStart, requireLabels, requirePrepared } from './prepared-folder.js';
import { readLabelledTexts, readTaskWithTest, type TaskColumns } from './read-tasks.js';
import { joinMethod } from '../methods/split-method.js';
import { innerLoopOf } from './task-parts.js';
import { isFolderOf, wholeModelName } from './whole-model-name.js';

/** How a prepared start learns a task. */
export interface AdaptOptions {
  /** The folder that `prepareStart` wrote. */
  readonly prepared: string;
  /** A labelled file, or a folder with one. */
  readonly task: string;
  readonly columns: TaskColumns;
  /** Where the adapter goes. */
  readonly output: string;
  /** Texts of each class to learn from, drawn by the seed; the others say how well that went. Null: all of them, and nothing is said. */
  readonly shots: number | null;
  /** A second file of the task to judge by, instead of the texts that were not drawn; of either at most 1,000, drawn by the seed. */
  readonly test?: string;
  readonly steps: number;
  /** That of the preparation if absent. */
  readonly learningRate?: number;
  readonly seed: number;
  /** The host of the preparation, if it is to be found elsewhere than it was. */
  readonly model?: string;
  readonly catalogue: Catalogue;
  readonly backend: BackendChoice | 'current';
  /** Is told what differs from the preparation. */
  readonly onWarning?: (text: string) => void;
  /** Is told after each step; counts from 1. */
  readonly onStep?: (step: number) => void;
  readonly signal?: AbortSignal;
  /** Used instead of the recorded host; disposed at the end. */
  readonly host?: { readonly host: Host; readonly tokenizer: Tokenizer };
}

/** What came of it. */
export interface AdaptedTask {
  readonly folder: string;
  readonly labels: readonly string[];
  /** Texts learned from, and judged by. */
  readonly shots: number;
  readonly judged: number;
  readonly steps: number;
  /** In per cent on the texts judged by, before the first step and after the last; null where there are none. */
  readonly before: number | null;
  readonly after: number | null;
  /** Of the steps alone. */
  readonly seconds: number;
  /** Operations of each edge, by the namespace of the method, where an architecture was chosen for the task. */
  readonly architectures: Readonly<Record<string, readonly string[]>>;
}

/** Of a pass with gradients. */
const textsAtOnce = 64;
/** An architecture is chosen by so many texts at most, in one pass. */
const textsToChooseBy = 256;

/**
 * Learns a task from a prepared start in a few steps and writes an adapter folder. Errors: `ADAPTER_NOT_FOUND` without a prepared start,
 * `PREPARED_DAMAGED`, `PREPARED_FOR_ANOTHER_HOST`, `LABELS_MISMATCH` where the head is part of the start, `TASK_LABEL_UNKNOWN`, `TASK_TOO_SMALL`, `EPISODE_OVERLAPS`,
 * `OUTPUT_NOT_EMPTY`, `ADAPTATION_ABORTED`, and those of the task's file and of the host.
 */
export async function adaptStart(options: AdaptOptions): Promise<AdaptedTask> {
  const { prepared, catalogue, seed } = options;
  const record = await requirePrepared(prepared);
  await requireEmptyFolder(options.output);
  await reportBackend(options.backend);
  const model = modelOf(record.model, options.model);
  const opened = await openHost(model, options.host);
  const { host, tokenizer, readout } = opened;
  try {
    const { registry } = catalogue;
    const body = registry.build(record.method);
    const start = await readStart(prepared, record, body, host);
    if (tokenizer.digest !== record.tokenizerDigest)
      options.onWarning?.('the tokenizer is another one than that of the preparation: texts become other tokens');
    const cut = { tokenizer, maxTokens: record.maxTokens };
    const { task, test } =
      options.test === undefined
        ? { task: await readLabelledTexts(options.task, options.columns, cut), test: null }
        : await readTaskWithTest(options.task, options.test, options.columns, cut);
    requireLabels(record, task);
    const { support, query } = drawTexts(task, test, options.shots, seed);
    const head = record.head && registry.build(completeMethod(record.head, registry, task.labels, readout));
    const stream = createStream(seed);
    const values = new Map([
      ...start,
      ...(head ? initialValues(head.plan(host.spec), substream(stream, 'initial-values')) : []),
    ]);
    const joined = record.head ? joinMethod(record.method, record.head) : record.method;
    const typical =
      support.length > textsToChooseBy
        ? shuffled(support, substream(stream, 'architecture')).slice(0, textsToChooseBy)
        : support;
    const chosen = await chooseArchitectures(host, body, start, typical);
    const searched = registry.build(completeMethod(joined, registry, task.labels, readout));
    const method = withArchitectures(searched, chosen);
    const learned = await learn({ ...options, inner: record.inner, host, method, values, support, query, stream });
    // An adapter that stands alone is opened by the name of its host.
    const spec = isFolderOf(model, opened) ? wholeModelName({ ...host.spec, name: model.name }, true) : host.spec;
    const files = await saveAdapter(
      { method, effective: learned.effective, hostFingerprint: host.spec.fingerprint },
      { spec, weight: (path) => host.weight(path) },
      { baseModelNameOrPath: spec.name, tokenizerDigest: tokenizer.digest, maxTokens: record.maxTokens },
    ).finally(() => disposeParameters(learned.effective));
    await writeAdapterFolder(options.output, files);
    const { before, after, seconds } = learned;
    return {
      folder: options.output,
      labels: task.labels,
      shots: support.length,
      judged: query.length,
      steps: options.steps,
      before,
      after,
      seconds,
      architectures: Object.fromEntries([...chosen].map(([name, operations]) => [name, [...operations]])),
    };
  } finally {
    host.dispose();
  }
}

const modelOf = (recorded: ModelConfig, named: string | undefined): ModelConfig => {
  if (named === undefined) return recorded;
  const { revision: _, ...rest } = recorded;
  return { ...rest, name: named };
};

/** The architecture that each controller of the start chooses for the texts that are learned from. */
async function chooseArchitectures(
  host: Host,
  body: PeftMethod,
  start: NamedArrays,
  support: readonly LabelledExample[],
): Promise<Architectures> {
  const tensors = toParameters(start);
  let buffers: Parameters = new Map();
  try {
    tf.tidy(() => {
      const { inputs } = toBatch(host, { texts: support.map(({ text }) => text), targets: null });
      buffers = taskBuffers(body, host, inputs);
      return [...buffers.values()];
    });
    if (buffers.size === 0) return new Map();
    return await withEffective(body, new Map([...tensors, ...buffers]), host.spec, (effective) =>
      chosenArchitectures(body, effective),
    );
  } finally {
    disposeParameters(tensors);
    disposeParameters(buffers);
  }
}

interface Learning extends Pick<AdaptOptions, 'steps' | 'learningRate' | 'onStep' | 'signal'>, DrawnTexts {
  readonly host: Host;
  readonly method: PeftMethod;
  /** Raw values; those that the method does not use are left out. */
  readonly values: NamedArrays;
  readonly inner: PreparedRecord['inner'];
  readonly stream: Stream;
}

/** The steps, and accuracies around them. The caller owns the effective parameters. */
async function learn({
  host,
  method,
  values,
  inner,
  support,
  query,
  stream,
  ...options
}: Learning): Promise<Pick<AdaptedTask, 'before' | 'after' | 'seconds'> & { readonly effective: Parameters }> {
  const { raw: specs, buffers = [] } = method.plan(host.spec);
  const names = [...specs, ...buffers].map(({ name }) => name);
  const raw = toParameters(new Map(names.map((name) => [name, values.get(name)!])));
  const accuracyAt = (at: Parameters): Promise<number | null> =>
    query.length === 0
      ? Promise.resolve(null)
      : withEffective(method, at, host.spec, async (effective) => {
          const texts = query.map(({ text }) => text);
          const { signal } = options;
          const { logits } = await predictLogits({ host, method, effective, texts, ...(signal && { signal }) });
          return (
            100 *
            accuracy(
              logits,
              query.map(({ label }) => label),
            ).headline
          );
        });
  const settings = { ...inner, ...(options.learningRate !== undefined && { learningRate: options.learningRate }) };
  let adapted: Parameters = new Map();
  try {
    const before = await accuracyAt(raw);
    const started = performance.now();
    adapted = await adaptInSteps(
      {
        host,
        method,
        support: { texts: support.map(({ text }) => text), targets: support.map(({ label }) => label) },
        objective: crossEntropy(),
        inner: innerLoopOf(settings),
        rows: rowsOfList,
        stream,
        // A step is over all texts, whatever their number: its memory is that of a part.
        ...(support.length > textsAtOnce && { rule: microBatches<number>(textsAtOnce) }),
      },
      raw,
      options,
    );
    const seconds = (performance.now() - started) / 1000;
    const after = await accuracyAt(adapted);
    const effective = await withEffective(method, adapted, host.spec, readParameters);
    return { before, after, seconds, effective: toParameters(effective) };
  } finally {
    tf.dispose([...new Set([...raw.values(), ...adapted.values()])]);
  }
}
