import { type Adapter, type Host, PeftError } from '@tfjs-peft/peft-core';
import { predictLogits } from '@tfjs-peft/train';
import { countVirtualTokens } from '@tfjs-peft/transformer';
import { averageDraws } from '../trial/average-draws.js';
import type { TextEncoder } from '../trial/opened-host.js';
import { argmaxRows, sigmoid, softmax } from '../trial/softmax.js';
import { labelsOfHead } from './labels-of-head.js';
import { namedLabels } from './named-labels.js';

/** One text, or the two of a pair. */
export type PredictorInput = string | readonly [string, string];

/** One text and what it was classified as; plain JSON. */
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

/** An adapter that classifies texts. */
export interface Classifier {
  readonly labels: readonly string[];
  /** Longest text in tokens, special ones included. */
  readonly maxTokens: number;
  /** In the order of the input. Errors: `TEXT_EMPTY`, `TEXT_INVALID`. */
  predict(texts: readonly PredictorInput[]): Promise<Prediction[]>;
  /**
   * Predictions as batches of items arrive, in their order: each batch is classified when it comes, and nothing of it is kept. `textOf` gives
   * an item's text, or null where it has none (and gets no prediction). Errors: those of `predict`.
   */
  predictEach<Item>(
    batches: AsyncIterable<readonly Item[]> | Iterable<readonly Item[]>,
    textOf: (item: Item) => PredictorInput | null,
  ): AsyncGenerator<readonly (readonly [item: Item, prediction: Prediction | null])[]>;
}

/** An adapter and its host in memory, and how texts are batched and cut. */
export interface ClassifierOptions {
  readonly host: Host;
  readonly tokenizer: Pick<TextEncoder, 'encode' | 'draws'>;
  readonly adapter: Pick<Adapter, 'method' | 'effective'>;
  /** Names of the labels in place of those of the head, in order, all different. */
  readonly labels?: readonly string[];
  /** Whether each label is a question of its own. */
  readonly multiLabel?: boolean;
  /** Texts a pass; default 64. */
  readonly batchSize?: number;
  /** Default 128, and never more than the host reads. */
  readonly maxTokens?: number;
  /** Is told after each batch; counts texts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Is told how many texts were cut. */
  readonly onWarning?: (text: string) => void;
}

/** A classifier from an adapter in memory, without a folder; it owns nothing. Errors: `HEAD_MISSING`, `LABELS_MISMATCH`. */
export function createClassifier(options: ClassifierOptions): Classifier {
  const { host, tokenizer, adapter, multiLabel = false } = options;
  const labels = namedLabels(labelsOfHead(adapter.method, 'the adapter'), options.labels, 'the adapter');
  const room = host.spec.maxPositionEmbeddings - countVirtualTokens(adapter, host.spec);
  const maxTokens = Math.min(options.maxTokens ?? 128, room);
  const classify = async (texts: readonly PredictorInput[]): Promise<Prediction[]> => {
    checkTexts(texts);
    if (texts.length === 0) return [];
    const encode = (draw: number) =>
      texts.map((text) => {
        const [first, second] = typeof text === 'string' ? [text] : text;
        return tokenizer.encode(first!, { pair: second, maxTokens, draw });
      });
    const encoded = encode(0);
    const drawn: Float32Array[] = [];
    for (let draw = 0; draw < (tokenizer.draws ?? 1); draw++)
      drawn.push(
        (
          await predictLogits({
            host,
            method: adapter.method,
            effective: adapter.effective,
            texts: draw === 0 ? encoded : encode(draw),
            maxTokens,
            ...(options.batchSize !== undefined && { batchSize: options.batchSize }),
            ...(options.onProgress && { onProgress: options.onProgress }),
          })
        ).logits,
      );
    const logits = averageDraws(drawn, labels.length, labels.length === 1);
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
  };
  const warnOfCut = (cut: number, total: number) => {
    if (cut > 0)
      options.onWarning?.(
        `${cut} of ${total} texts are longer than ${maxTokens} tokens; only their beginning was read`,
      );
  };
  return {
    labels,
    maxTokens,
    async predict(texts) {
      const predictions = await classify(texts);
      warnOfCut(predictions.filter(isCut).length, predictions.length);
      return predictions;
    },
    async *predictEach(batches, textOf) {
      let cut = 0;
      let total = 0;
      for await (const items of batches) {
        const texts = items.map(textOf);
        const predictions = (await classify(texts.filter((text) => text !== null))).values();
        const pairs = items.map((item, index) => {
          const prediction = texts[index] === null ? null : predictions.next().value!;
          if (prediction) total += 1;
          if (prediction && isCut(prediction)) cut += 1;
          return [item, prediction] as const;
        });
        yield pairs;
      }
      warnOfCut(cut, total);
    },
  };
}

const isCut = ({ truncated = false }: Prediction) => truncated;

/** Errors: `TEXT_INVALID` for what is no text or pair, `TEXT_EMPTY`. */
function checkTexts(texts: readonly PredictorInput[]): void {
  if (!Array.isArray(texts)) throw invalid('texts', texts, 'a list of texts, or of pairs of texts');
  const wrong = texts.findIndex((text: unknown) => !isInput(text));
  if (wrong >= 0) throw invalid(`text ${wrong + 1} of ${texts.length}`, texts[wrong], 'a text, or a pair of two texts');
  const isEmpty = (text: string) => text.trim() === '';
  const empty = texts.findIndex((text) => (typeof text === 'string' ? isEmpty(text) : text.some(isEmpty)));
  if (empty < 0) return;
  throw new PeftError('TEXT_EMPTY', {
    found: `text ${empty + 1} of ${texts.length} is empty`,
    expected: 'at least one character that is not a space',
    fix: 'leave it out',
  });
}

/** Callers without types pass what a file or a request gave them. */
const isInput = (text: unknown): boolean =>
  typeof text === 'string' ||
  (Array.isArray(text) && text.length === 2 && text.every((part) => typeof part === 'string'));

const invalid = (what: string, found: unknown, expected: string) =>
  new PeftError('TEXT_INVALID', {
    found: `${what}: ${Array.isArray(found) ? `a list of ${found.length}` : found === null ? 'null' : `a value of type ${typeof found}`}`,
    expected,
    fix: 'turn it into text, or leave it out',
  });
