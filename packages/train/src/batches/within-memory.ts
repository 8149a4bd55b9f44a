import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { EncodedText } from '@tfjs-peft/peft-core';

/** Runs a pass over texts; where the backend has no memory left, says for how many of which length. Errors: `BACKEND_OUT_OF_MEMORY`. */
export function withinMemory<Result>(texts: readonly EncodedText[], run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    if (!isOutOfMemory(cause)) throw cause;
    const tokens = texts.reduce((most, { inputIds }) => Math.max(most, inputIds.length), 0);
    throw new PeftError('BACKEND_OUT_OF_MEMORY', {
      found: `a pass over ${texts.length} texts of up to ${tokens} tokens needs more memory than the backend ${tf.getBackend()} has`,
      fix: `set a smaller batchSize, cut texts earlier (maxTokens), or train with rule: microBatches(size), which needs the memory of that many texts${tf.getBackend() === 'wasm' ? '; wasm ends at 4 GiB and keeps what it took, so begin in a new process or page' : ''}`,
      cause,
    });
  }
}

/** The error of the backend's own allocation; what the compiled part of wasm ends with where it allocates itself; TensorFlow's RESOURCE_EXHAUSTED. */
const isOutOfMemory = (error: unknown): boolean =>
  (isPeftError(error) && error.code === 'BACKEND_OUT_OF_MEMORY') ||
  (error instanceof Error &&
    ((error.name === 'RuntimeError' && error.message.startsWith('Aborted(')) ||
      /^Invalid TF_Status: 8\b/.test(error.message)));
