import * as tf from '@tensorflow/tfjs';
import type { FusedKernelsReport } from './backend-report.js';
import { packedLimit, switchedOff } from './kernel-settings.js';
import { packedWeights } from './packed-weights.js';
import type { WasmBackend } from './wasm-backend.js';
import { compileLibrary, placeLibrary } from './wasm-library.js';
import { type PlacedKernels, registerWasmOperations, unregisterWasmOperations } from './register-wasm-operations.js';

/** Each start of the backend has its own memory. */
const places = new WeakMap<WasmBackend, PlacedKernels>();

/**
 * The fused kernels in WebAssembly. They are compiled now; `place` puts them into the memory of the backend that runs and says whether it could.
 * Without them everything computes the same with more and slower operations.
 *
 * @param address where their file is, if not beside this package
 */
export async function loadWasmKernels(address?: string): Promise<{ place(): FusedKernelsReport }> {
  const off = switchedOff();
  const without = (report: FusedKernelsReport) => ({
    place() {
      unregisterWasmOperations();
      return report;
    },
  });
  if (off) return without(off);
  try {
    const module = await compileLibrary(address);
    const placedIn = (backend: WasmBackend): PlacedKernels => {
      const placed = places.get(backend) ?? {
        library: placeLibrary(module, backend),
        packed: packedWeights(backend),
      };
      places.set(backend, placed);
      return placed;
    };
    return {
      place() {
        try {
          const { packed } = placedIn(tf.backend() as unknown as WasmBackend);
          registerWasmOperations(placedIn);
          const packedWeightsNow = { megabytes: packed.megabytes(), limit: packedLimit() };
          return { active: true, why: 'WebAssembly SIMD, 1 thread', packedWeights: packedWeightsNow };
        } catch (error) {
          return without(notLoaded(error)).place();
        }
      },
    };
  } catch (error) {
    return without(notLoaded(error));
  }
}

const notLoaded = (error: unknown): FusedKernelsReport => ({
  active: false,
  why: `they do not load: ${String((error as Error).message).split('\n', 1)[0]}`,
});
