import * as tf from '@tensorflow/tfjs';
import { PeftError } from '@tfjs-peft/peft-core';
import type { WasmBackend } from './wasm-backend.js';

/**
 * Makes an allocation that fails an error. The stock backend takes the address 0 that `malloc` gives then for memory like any other: results are
 * overwritten, and the process ends in a bare `Aborted()` some time later. Call it once the backend runs.
 * What it throws later: `BACKEND_OUT_OF_MEMORY`, and the backend stays usable.
 *
 * @returns a function that puts the stock allocation back, or null if the cure was in place already
 */
export function cureWasmMemory(): (() => void) | null {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const allocate = wasm._malloc;
  if (cured in allocate) return null;
  wasm._malloc = Object.assign(
    (bytes: number) => {
      const address = allocate(bytes);
      if (address !== 0 || bytes === 0) return address;
      throw outOfMemory(bytes, wasm);
    },
    { [cured]: true },
  );
  return () => (wasm._malloc = allocate);
}

const cured = Symbol.for('@tfjs-peft/backend/allocation');

/** Gives `body` a function that makes tensors; all that it made are freed if `body` fails, so that their memory is there again. */
export function makingTensors<T>(
  backend: WasmBackend,
  body: (make: (shape: readonly number[]) => tf.TensorInfo) => T,
): T {
  const made: tf.TensorInfo[] = [];
  try {
    return body((shape) => {
      const tensor = backend.makeOutput(shape, 'float32');
      made.push(tensor);
      return tensor;
    });
  } catch (error) {
    for (const { dataId } of made) backend.disposeData(dataId);
    throw error;
  }
}

/** What `make` gives, or nothing if the memory is full. */
export function unlessFull<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof PeftError && error.code === 'BACKEND_OUT_OF_MEMORY') return undefined;
    throw error;
  }
}

/** What a full memory gives, whoever asks it. */
export const outOfMemory = (bytes: number | undefined, { HEAPU8 }: WasmBackend['wasm']): PeftError =>
  new PeftError('BACKEND_OUT_OF_MEMORY', {
    found: `wasm has no room for ${bytes === undefined ? 'what a product needs' : `${bytes} bytes more`}; it holds ${Math.round(HEAPU8.length / 1e6)} MB and ends at 4 GiB`,
    fix: 'run fewer or shorter texts at once',
  });
