import * as tf from '@tensorflow/tfjs';
import type { LoadedBackend, UnusableBackend } from './backend-report.js';
import { describeLoadFailure, secondCopy } from './describe-load-failure.js';
import { cureWasmMatMul } from './wasm-mat-mul.js';
import { cureWasmSegmentSum } from './wasm-segment-sum.js';

const packageName = '@tensorflow/tfjs-backend-wasm';

/**
 * Loads the wasm backend and repairs it. It computes with one thread: TensorFlow.js starts its threads from `blob:` URLs, which Node's
 * workers refuse, and the threads gain less than one process per trial does.
 */
export async function loadWasm(threads = 1): Promise<LoadedBackend | UnusableBackend> {
  try {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    if (!tf.findBackendFactory('wasm')) return secondCopy(packageName);
    cureWasmMatMul();
    cureWasmSegmentSum();
    return {
      usable: true,
      registeredAs: 'wasm',
      package: packageName,
      version: wasm.version_wasm,
      why: threads > 1 ? `WebAssembly works, but with one thread, not ${threads}` : 'WebAssembly works',
      threads: 1,
      cures: [
        'products of batches and transposed matrices go through the fast path',
        'gradient of gather (UnsortedSegmentSum) added',
      ],
    };
  } catch (error) {
    return describeLoadFailure(packageName, error, `\`npm install ${packageName}@4.22.0\``);
  }
}
