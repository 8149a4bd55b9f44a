import {
  type Context,
  createStream,
  type EncodedText,
  type Host,
  type Mode,
  type Parameters,
  type PeftMethod,
  type Stream,
  substream,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { lengthSortedBatches } from '../batches/length-sorted-batches.js';
import { checkTexts, padTexts, requireGoingOn } from '../batches/pad-texts.js';
import { withinMemory } from '../batches/within-memory.js';
import { requireLogits } from '../objectives/require-logits.js';
import { yieldToEventLoop } from './yield-to-event-loop.js';

/** A method with its parameters, and the texts to run. */
export interface PredictOptions {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly effective: Parameters;
  readonly texts: readonly EncodedText[];
  /** Default 64. */
  readonly batchSize?: number;
  /** Longest batch that padding may make; default all positions of the host. */
  readonly maxTokens?: number;
  /** Default `evaluate`: deterministic. `sample` draws without dropout, `train` draws and drops out. */
  readonly mode?: Mode;
  /** Passes over all texts, each with draws of its own; default 1. */
  readonly draws?: number;
  /** Where draws and dropout come from; a fixed stream if absent. */
  readonly stream?: Stream;
  /** Is told after each batch; counts texts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/** Logits of all texts, for each draw. */
export interface PredictedLogits {
  /** `[draws * texts, labels]`, row-major: all texts of the first draw in the order of the input, then those of the second. */
  readonly logits: Float32Array;
  /** Columns; 0 if there are no texts. */
  readonly labels: number;
}

/**
 * Logits of texts. Texts of similar length share a batch, results are in the order of the input.
 * Draws after the first are copied if the first one provably used no randomness.
 * Errors: `LOGITS_MISSING`, `PREDICTION_ABORTED`, `TEXT_EMPTY`, `BACKEND_OUT_OF_MEMORY`.
 */
export async function predictLogits(options: PredictOptions): Promise<PredictedLogits> {
  const { texts, batchSize = 64, mode = 'evaluate', draws = 1 } = options;
  const { stream = createStream('predict'), onProgress, signal } = options;
  checkTexts(texts);
  const batches = lengthSortedBatches(texts, batchSize);
  const total = draws * texts.length;
  let logits = new Float32Array(0);
  let labels = 0;
  let random = false;
  for (let draw = 0; draw < draws; draw++) {
    if (draw > 0 && !random) {
      logits.copyWithin(draw * texts.length * labels, 0, texts.length * labels);
      onProgress?.({ done: (draw + 1) * texts.length, total });
      continue;
    }
    let done = draw * texts.length;
    for (const [index, batch] of batches.entries()) {
      requireGoingOn(signal, done, total);
      const watched = watchStreams(stream, mode, draw, index);
      const rows = await batchLogits(options, mode, batch, watched.streams);
      random ||= mode !== 'evaluate' && watched.wereUsed();
      labels = rows.length / batch.length;
      if (logits.length === 0) logits = new Float32Array(total * labels);
      batch.forEach((text, row) =>
        logits.set(rows.subarray(row * labels, (row + 1) * labels), (draw * texts.length + text) * labels),
      );
      done += batch.length;
      onProgress?.({ done, total });
      await yieldToEventLoop();
    }
  }
  return { logits, labels };
}

async function batchLogits(
  { host, method, effective, texts, maxTokens }: PredictOptions,
  mode: Mode,
  batch: readonly number[],
  streams: Context['streams'],
): Promise<Float32Array> {
  const own = batch.map((index) => texts[index]!);
  const pass = () => {
    const inputs = padTexts(host, own, maxTokens);
    const context: Context = { mode, host: host.spec, batchSize: batch.length, streams, reads: 'logits' };
    return requireLogits(host.forward(inputs, method.intervene(effective, context), context));
  };
  const logits = withinMemory(own, () => tf.tidy(pass));
  try {
    return Float32Array.from(await logits.data());
  } finally {
    logits.dispose();
  }
}

/**
 * The streams of one batch, and whether anybody looked at them. Dropout is off in `sample`: its stream is then the same for all draws, so
 * that a pass that never asks for the draws is the same pass every time.
 */
function watchStreams(stream: Stream, mode: Mode, draw: number, batch: number) {
  let used = false;
  const streams: Context['streams'] = {
    get draws() {
      used = true;
      return substream(stream, 'draws', draw, batch);
    },
    get dropout() {
      if (mode === 'sample') return substream(stream, 'no-dropout', batch);
      used = true;
      return substream(stream, 'dropout', draw, batch);
    },
  };
  return { streams, wereUsed: () => used };
}
