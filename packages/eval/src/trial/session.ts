import type { EncodedText, HeadConfig, Host, MethodDescription, PeftMethod, Readout } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { LabelledText } from '@tfjs-peft/glue-fewshot';
import { extractFeatures, type LabelledExample } from '@tfjs-peft/train';
import type { Tokenizer } from '@tfjs-peft/transformer';
import type { ExperimentConfig } from '../config/experiment-config.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import type { Catalogue } from '../methods/plugins.js';
import { openHost } from './open-host.js';
import { type LabelWords, onPrompts } from './prompted-host.js';
import { completeMethod } from '../methods/complete-method.js';
import { openTaskData, type TaskData } from './task-data.js';

/** What the trials of one experiment share: host, tokenizer, texts and frozen features are loaded or computed once. */
export interface Session {
  readonly host: Host;
  /** Digest of the tokenizer. */
  readonly tokenizerDigest: string;
  readonly readout: Readout;
  /** Where texts are prompts: what they are made by. */
  readonly labelWords?: LabelWords;
  readonly data: TaskData;
  readonly catalogue: Catalogue;
  /** Report of the backend, for env.json. */
  readonly backend: JsonObject;
  /** The method of a description on this task: heads get the labels, the readout or the label words, and the scale of a regression's targets. */
  build(description: MethodDescription, targets?: HeadConfig['targets']): PeftMethod;
  /** Texts as token ids, cut at `maxTokens`. */
  encode(rows: readonly LabelledText[]): EncodedText[];
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
  config: Pick<ExperimentConfig, 'task' | 'data' | 'metrics' | 'model' | 'seeds'>,
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
  const { host, tokenizer, readout, labelWords } = await openHost(config.model, given);
  const { registry } = catalogue;
  const maxTokens = Math.min(config.data.maxTokens, host.spec.maxPositionEmbeddings);
  const encoded = new Map<LabelledText, EncodedText>();
  let truncated = 0;
  const encodeOne = (row: LabelledText): EncodedText => {
    const known = encoded.get(row);
    if (known) return known;
    const text = tokenizer.encode(row.texts[0]!, { pair: row.texts[1], maxTokens });
    if (text.truncated > 0) truncated += 1;
    encoded.set(row, text);
    return text;
  };
  const encode = (rows: readonly LabelledText[]) => {
    const before = truncated;
    const texts = rows.map(encodeOne);
    if (truncated > before)
      onEvent({
        type: 'warning',
        text: `${truncated - before} of ${rows.length} texts are longer than ${maxTokens} tokens and were cut (data.maxTokens)`,
      });
    return texts;
  };
  const featuresOf = new Map<LabelledText, Float32Array>();
  const size = host.spec.hiddenSize;
  return {
    host,
    tokenizerDigest: tokenizer.digest,
    readout,
    ...(labelWords && { labelWords }),
    data,
    catalogue,
    backend,
    build(description, targets) {
      const own = labelWords ? onPrompts(description, data.labels, labelWords) : description;
      return registry.build(completeMethod(own, registry, data.labels, readout, targets));
    },
    encode,
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
}
