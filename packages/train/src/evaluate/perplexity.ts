import {
  type Context,
  createStream,
  type Host,
  type Mode,
  type Parameters,
  type PeftMethod,
  type Stream,
  substream,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { withinMemory } from '../batches/within-memory.js';
import { toBatch } from '../batches/batch-source.js';
import { checkLanguageExamples, identifyLanguage, type LanguageExample } from '../batches/language-texts.js';
import { lengthSortedBatches } from '../batches/length-sorted-batches.js';
import { requireGoingOn } from '../batches/pad-texts.js';
import { predictedTokens, requireOutputEmbeddings } from '../objectives/next-token.js';
import { vocabularyLoss } from '../objectives/vocabulary-loss.js';
import { type Evaluator, requireDev } from './evaluator.js';
import { yieldToEventLoop } from './yield-to-event-loop.js';

/** How well texts are predicted. */
export interface LanguageScore {
  /** Sum of the negative log-likelihoods (natural logarithm) of all tokens that count. */
  readonly negativeLogLikelihood: number;
  readonly tokens: number;
  /** Of what is to be predicted, where all examples say so. */
  readonly bytes: number | undefined;
  /** `exp(negativeLogLikelihood / tokens)` */
  readonly perplexity: number;
  /** `exp(negativeLogLikelihood / bytes)`: comparable between tokenizers. */
  readonly bytePerplexity: number | undefined;
}

/** A method with its parameters, and the texts that it is to predict. */
export interface ScoreTextsOptions {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly effective: Parameters;
  readonly examples: readonly LanguageExample[];
  /** Default 8. */
  readonly batchSize?: number;
  /** Default `evaluate`. */
  readonly mode?: Mode;
  /** Where draws and dropout come from; a fixed stream if absent. */
  readonly stream?: Stream;
  /** Is told after each batch; counts texts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Perplexity of texts by token and by byte: no label smoothing, weights only say which tokens count.
 * Errors: `TEXT_EMPTY`, `LABEL_INVALID`, `COMPLETION_EMPTY`, `LANGUAGE_MODEL_MISSING`, `PREDICTION_ABORTED`.
 */
export async function scoreTexts(options: ScoreTextsOptions): Promise<LanguageScore> {
  const { host, method, effective, examples, batchSize = 8, mode = 'evaluate', signal, onProgress } = options;
  const { stream = createStream('score texts') } = options;
  checkLanguageExamples(examples, 'dev');
  const batches = lengthSortedBatches(
    examples.map(({ text }) => text),
    batchSize,
  );
  let negativeLogLikelihood = 0;
  let tokens = 0;
  let done = 0;
  for (const [index, indices] of batches.entries()) {
    requireGoingOn(signal, done, examples.length);
    const context: Context = {
      mode,
      host: host.spec,
      batchSize: indices.length,
      streams: { draws: substream(stream, 'draws', index), dropout: substream(stream, 'dropout', index) },
    };
    let count = 0;
    const texts = indices.map((at) => examples[at]!.text);
    const pass = () => {
      const targets = indices.map((at) => examples[at]!.weights.map((weight) => Number(weight > 0)));
      const batch = toBatch(host, { texts, targets });
      const outputs = host.forward(batch.inputs, method.intervene(effective, context), context);
      const predicted = predictedTokens(outputs, batch);
      count = predicted.count;
      return vocabularyLoss(predicted.tokens, requireOutputEmbeddings(outputs));
    };
    const sum = withinMemory(texts, () => tf.tidy(pass));
    negativeLogLikelihood += (await sum.data())[0]!;
    sum.dispose();
    tokens += count;
    done += indices.length;
    onProgress?.({ done, total: examples.length });
    await yieldToEventLoop();
  }
  const bytes = examples.every((example) => example.bytes !== undefined)
    ? examples.reduce((total, example) => total + example.bytes!, 0)
    : undefined;
  return {
    negativeLogLikelihood,
    tokens,
    bytes,
    perplexity: Math.exp(negativeLogLikelihood / tokens),
    bytePerplexity: bytes ? Math.exp(negativeLogLikelihood / bytes) : undefined,
  };
}

/**
 * Judges states by how well they predict held-out texts; the headline is minus the loss a token. A method that draws is judged by the mean loss of as
 * many draws as the validation asks for. Errors: `DEV_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`; of the evaluation those of {@link scoreTexts}.
 */
export function perplexityOf(examples: readonly LanguageExample[]): Evaluator {
  requireDev(examples);
  checkLanguageExamples(examples, 'dev');
  return {
    identity: { ...identifyLanguage(examples), objective: 'perplexity' },
    async evaluate({ config: { validation, evaluationBatchSize: batchSize }, stream, ...state }) {
      const meanOf = async (mode: Mode, draws: number) => {
        const scores: LanguageScore[] = [];
        for (let draw = 0; draw < draws; draw++)
          scores.push(
            await scoreTexts({ ...state, examples, batchSize, mode, stream: substream(stream, 'draw', draw) }),
          );
        const [{ tokens, bytes }] = scores as [LanguageScore];
        const total = scores.reduce((sum, score) => sum + score.negativeLogLikelihood, 0) / scores.length;
        const loss = total / tokens;
        const metrics = { perplexity: Math.exp(loss), ...(bytes && { bytePerplexity: Math.exp(total / bytes) }) };
        return { headline: -loss, loss, metrics };
      };
      if (validation.mode === 'midpoint') return meanOf('evaluate', 1);
      const drawn = await meanOf(validation.mode === 'dropout' ? 'train' : 'sample', validation.draws);
      if (!validation.logMidpoint) return drawn;
      return { ...drawn, midpointMetrics: (await meanOf('evaluate', 1)).metrics };
    },
  };
}
