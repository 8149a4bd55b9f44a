import { PeftError } from '@tfjs-peft/peft-core';
import { predictLogits } from '@tfjs-peft/train';
import { countVirtualTokens } from './count-virtual-tokens.js';
import { openAdapter, type OpenAdapterOptions } from './open-adapter.js';
import { argmaxRows, sigmoid, softmax } from './softmax.js';

/** One text, or the two of a pair. */
export type PredictorInput = string | readonly [string, string];

export interface Prediction {
  readonly text: PredictorInput;
  /** The most probable label; for a regression the score as text. */
  readonly label: string;
  /** Of `label`; 1 for a regression. */
  readonly probability: number;
  /** All labels of a probability from one half on, where each is a question of its own (`multi_label_classification` of the base model). */
  readonly labels?: readonly string[];
  /** By label; empty for a regression. */
  readonly probabilities: Readonly<Record<string, number>>;
  /** Of a regression. */
  readonly score?: number;
  /** True where the text was longer than the limit and only its beginning was read. */
  readonly truncated?: boolean;
}

export interface Predictor {
  readonly labels: readonly string[];
  /** Longest text in tokens, special ones included. */
  readonly maxTokens: number;
  readonly backend: string;
  /** In the order of the input. Errors: `TEXT_EMPTY`. */
  predict(texts: readonly PredictorInput[]): Promise<Prediction[]>;
  dispose(): void;
}

export interface PredictorOptions extends OpenAdapterOptions {
  /** Texts a pass; default 64. */
  readonly batchSize?: number;
  /** Default: what the adapter was trained with, else 128. */
  readonly maxTokens?: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * A classifier from the folder of an experiment, a trial or an adapter (also one that HF peft wrote): finds its host, checks that it is the
 * one it was trained on, and loads the deployed point. Errors: see {@link openAdapter}.
 */
export async function openPredictor(folder: string, options: PredictorOptions = {}): Promise<Predictor> {
  const opened = await openAdapter(folder, options);
  const { host, tokenizer, adapter, labels, located, multiLabel } = opened;
  const limit = options.maxTokens ?? located.trial?.data.maxTokens ?? 128;
  const maxTokens = Math.min(limit, host.spec.maxPositionEmbeddings - countVirtualTokens(adapter, host.spec));
  return {
    labels,
    maxTokens,
    backend: String(opened.backend.backend),
    async predict(texts) {
      checkTexts(texts);
      if (texts.length === 0) return [];
      const encoded = texts.map((text) => {
        const [first, second] = typeof text === 'string' ? [text] : text;
        return tokenizer.encode(first!, second, { maxTokens });
      });
      const cut = encoded.filter(({ truncated }) => truncated > 0).length;
      if (cut > 0)
        options.onWarning?.(
          `${cut} of ${texts.length} texts are longer than ${maxTokens} tokens; only their beginning was read`,
        );
      const { logits } = await predictLogits({
        host,
        method: adapter.method,
        effective: adapter.effective,
        texts: encoded,
        maxTokens,
        ...(options.batchSize !== undefined && { batchSize: options.batchSize }),
        ...(options.onProgress && { onProgress: options.onProgress }),
      });
      const truncatedAt = (index: number) => (encoded[index]!.truncated > 0 ? { truncated: true } : {});
      if (labels.length === 1)
        return texts.map((text, index) => {
          const score = logits[index]!;
          return { text, label: score.toPrecision(4), probability: 1, probabilities: {}, score, ...truncatedAt(index) };
        });
      const probabilities = multiLabel ? sigmoid(logits) : softmax(logits, labels.length);
      return argmaxRows(logits, labels.length).map((best, index) => ({
        text: texts[index]!,
        label: labels[best]!,
        probability: probabilities[index * labels.length + best]!,
        probabilities: Object.fromEntries(
          labels.map((label, column) => [label, probabilities[index * labels.length + column]!]),
        ),
        ...(multiLabel && {
          labels: labels.filter((_, column) => probabilities[index * labels.length + column]! >= 0.5),
        }),
        ...truncatedAt(index),
      }));
    },
    dispose: () => opened.dispose(),
  };
}

/** Errors: `TEXT_EMPTY`. */
function checkTexts(texts: readonly PredictorInput[]): void {
  const isEmpty = (text: string) => text.trim() === '';
  const empty = texts.findIndex((text) => (typeof text === 'string' ? isEmpty(text) : text.some(isEmpty)));
  if (empty < 0) return;
  throw new PeftError('TEXT_EMPTY', {
    found: `text ${empty + 1} of ${texts.length} is empty`,
    expected: 'at least one character that is not a space',
    fix: 'leave it out',
  });
}
