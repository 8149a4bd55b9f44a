import type { EncodedText, HeadConfig, Host, MethodDescription, PeftMethod, Readout } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { LabelledText } from '@tfjs-peft/glue-fewshot';
import { extractFeatures, type LabelledExample } from '@tfjs-peft/train';
import { type GenerationSettings, requireDecoder, type Tokenizer } from '@tfjs-peft/transformer';
import type { ExperimentConfig } from '../config/experiment-config.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import type { Catalogue } from '../methods/plugins.js';
import { openHost } from './open-host.js';
import type { OpenedHost } from './opened-host.js';
import { type LabelWords, onPrompts } from './prompted-host.js';
import { describeOnTask } from './describe-on-task.js';
import { openTaskData, type TaskData } from './task-data.js';

/** What the trials of one experiment share: host, tokenizer, texts and frozen features are loaded or computed once. */
export interface Session {
  readonly host: Host;
  readonly tokenizer: Tokenizer;
  /** Longest text in tokens. */
  readonly maxTokens: number;
  /** How prompts of a task of texts are continued, if the experiment says so. */
  readonly generation?: GenerationSettings;
  readonly readout: Readout;
  /** Where texts are prompts: what they are made by. */
  readonly labelWords?: LabelWords;
  readonly data: TaskData;
  readonly catalogue: Catalogue;
  /** Report of the backend, for env.json. */
  readonly backend: JsonObject;
  /**
   * The method of a description on this task: heads get the labels, the readout or the label words, and the scale of a regression's targets. A task of texts
   * has no use for heads: they are left out. Errors: `METHOD_UNFIT` for a method that is nothing else.
   */
  build(description: MethodDescription, targets?: HeadConfig['targets']): PeftMethod;
  /** Texts as token ids, cut at `maxTokens`. */
  encode(rows: readonly LabelledText[], draw?: number): EncodedText[];
  /** Over how many draws of demonstrations predictions are averaged. */
  readonly draws: number;
  /** The same session for a split: where demonstrations stand behind prompts, they are of its training texts. */
  ofSplit(dataSeed: number): Session;
  /** Encoded texts with their labels. */
  examples(rows: readonly LabelledText[]): LabelledExample[];
  /** Features `[rows, hidden]` of the frozen host at the readout, row-major. */
  features(
    rows: readonly LabelledText[],
    onProgress?: (progress: { readonly done: number; readonly total: number }) => void,
  ): Promise<Float32Array>;
  /** Frees the host; the session is of no use after it. */
  dispose(): void;
}

/** Errors: `HOST_UNSUPPORTED`, after which the host is of no use. */
function requireSpeaker(host: Host): void {
  try {
    requireDecoder(host);
  } catch (error) {
    host.dispose();
    throw error;
  }
}

/** The part of an experiment, or of a trial, that its trials share. */
export type SessionConfig = Pick<ExperimentConfig, 'task' | 'data' | 'metrics' | 'model' | 'seeds' | 'test'>;

/** What a session needs beside its configuration. */
export interface SessionOptions {
  readonly catalogue: Catalogue;
  readonly backend: JsonObject;
  readonly onEvent?: OnExperimentEvent;
  /** Used instead of the host that the configuration names; disposed with the session. */
  readonly host?: { readonly host: Host; readonly tokenizer: Tokenizer };
}

/**
 * Loads everything that the trials of an experiment share. Errors: those of the task, of all splits (`SPLIT_TOO_LARGE`, ...), of the host,
 * `TEXT_LIMIT_TOO_LARGE`.
 */
export async function openSession(
  config: SessionConfig,
  { catalogue, backend, onEvent = () => {}, host: given }: SessionOptions,
): Promise<Session> {
  onEvent({ type: 'phase', text: `reading task ${config.data.file?.file ?? config.task}` });
  const data = await openTaskData(config, config.seeds.data, catalogue);
  data.loaded.notes.forEach((text) => onEvent({ type: 'phase', text }));
  data.loaded.warnings?.forEach((text) => onEvent({ type: 'warning', text }));
  if (data.loaded.subset)
    onEvent({
      type: 'warning',
      text: `the files of ${data.loaded.task.name} are a cut of the official ones: results are for development, not for reporting`,
    });
  const notes = new Set(config.seeds.data.flatMap((seed) => data.split(seed).warnings));
  notes.forEach((text) => onEvent({ type: 'warning', text }));
  onEvent({ type: 'phase', text: `loading host ${config.model.name}` });
  const opened = await openHost(config.model, given);
  const { host, readout, withExamples } = opened;
  if (data.kind === 'texts') requireSpeaker(host);
  const { registry } = catalogue;
  const maxTokens = Math.min(config.data.maxTokens, host.spec.maxPositionEmbeddings);
  const size = host.spec.hiddenSize;
  const sessionWith = ({ tokenizer, labelWords }: Pick<OpenedHost, 'tokenizer' | 'labelWords'>): Session => {
    const encoded = new Map<number, Map<LabelledText, EncodedText>>();
    const splits = new Map<number, Session>();
    let truncated = 0;
    const encodeOne = (row: LabelledText, draw: number): EncodedText => {
      const ofDraw = encoded.get(draw) ?? new Map<LabelledText, EncodedText>();
      encoded.set(draw, ofDraw);
      const known = ofDraw.get(row);
      if (known) return known;
      const text = tokenizer.encode(row.texts[0]!, { pair: row.texts[1], maxTokens, draw });
      if (text.truncated > 0) truncated += 1;
      ofDraw.set(row, text);
      return text;
    };
    const encode = (rows: readonly LabelledText[], draw = 0) => {
      const before = truncated;
      const texts = rows.map((row) => encodeOne(row, draw));
      if (truncated > before)
        onEvent({
          type: 'warning',
          text: `${truncated - before} of ${rows.length} texts are longer than ${maxTokens} tokens and were cut (data.maxTokens)`,
        });
      return texts;
    };
    const featuresOf = new Map<LabelledText, Float32Array>();
    const session: Session = {
      host,
      tokenizer,
      maxTokens,
      ...(config.test.generation && { generation: config.test.generation }),
      readout,
      ...(labelWords && { labelWords }),
      data,
      catalogue,
      backend,
      build(description, targets) {
        const own =
          labelWords && data.kind === 'labels' ? onPrompts(description, data.labels, labelWords) : description;
        return registry.build(describeOnTask(own, registry, data, readout, targets));
      },
      encode,
      draws: tokenizer.draws ?? 1,
      ofSplit(dataSeed) {
        if (!withExamples) return session;
        const examples = () => data.split(dataSeed).train.map(({ texts, label }) => ({ texts: [...texts], label }));
        const own = splits.get(dataSeed) ?? sessionWith(withExamples(examples()));
        splits.set(dataSeed, own);
        return own;
      },
      examples: (rows) => encode(rows).map((text, index) => ({ text, label: rows[index]!.label })),
      async features(rows, onProgress) {
        const missing = rows.filter((row) => !featuresOf.has(row));
        const values = await extractFeatures({ host, texts: encode(missing), readout, onProgress });
        missing.forEach((row, index) => featuresOf.set(row, values.slice(index * size, (index + 1) * size)));
        const result = new Float32Array(rows.length * size);
        rows.forEach((row, index) => result.set(featuresOf.get(row)!, index * size));
        return result;
      },
      dispose: () => host.dispose(),
    };
    return session;
  };
  return sessionWith(opened);
}
