import * as tf from '@tensorflow/tfjs';
import type { BackendOptions, LoadedBackend, UnusableBackend, WasmAddresses } from './backend-report.js';
import { describeLoadFailure, secondCopy } from './describe-load-failure.js';
import { loadWasmKernels } from './load-wasm-kernels.js';
import { cureWasmMatMul } from './wasm-mat-mul.js';
import { cureWasmMemory } from './wasm-memory.js';
import { KERNELS_FILE } from './wasm-library.js';
import { cureWasmSegmentSum } from './wasm-segment-sum.js';

const packageName = '@tensorflow/tfjs-backend-wasm';

/** Why a page does not get wasm, as a rule. */
export const WASM_IN_PAGES = `serve the .wasm files of ${packageName} and say where: selectBackend({ wasmPaths: '/folder/' }); a Content-Security-Policy must allow 'wasm-unsafe-eval'`;

/**
 * Loads the wasm backend and repairs it. It computes with one thread: TensorFlow.js starts its threads from `blob:` URLs, which Node's
 * workers and strict pages refuse, and from its own source, which no longer runs once it is minified: a page that is cross-origin isolated
 * would wait for them for ever. The threads gain less than one process per trial does.
 */
export async function loadWasm({ threads = 1, wasmPaths }: BackendOptions): Promise<LoadedBackend | UnusableBackend> {
  try {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    if (!tf.findBackendFactory('wasm')) return secondCopy(packageName);
    // Before anything asks for the backend: `tf.findBackend` starts it.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    if (wasmPaths !== undefined) wasm.setWasmPaths(typeof wasmPaths === 'string' ? wasmPaths : everyBuild(wasmPaths));
    cureWasmMatMul();
    cureWasmSegmentSum();
    const kernels = await loadWasmKernels(typeof wasmPaths === 'object' ? wasmPaths[KERNELS_FILE] : undefined);
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
        'memory that runs out is an error, not garbage',
      ],
      cureRunning() {
        cureWasmMemory();
        return { fusedKernels: kernels.place() };
      },
    };
  } catch (error) {
    return describeLoadFailure(packageName, error, `\`npm install ${packageName}@4.22.0\``);
  }
}

/** TensorFlow.js insists on an address for the build with threads, which is never loaded. */
const everyBuild = (addresses: WasmAddresses) => ({
  ...addresses,
  'tfjs-backend-wasm-threaded-simd.wasm': addresses['tfjs-backend-wasm-simd.wasm'],
});
