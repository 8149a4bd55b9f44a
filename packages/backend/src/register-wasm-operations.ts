import * as tf from '@tensorflow/tfjs';
import type { PackedWeights } from './packed-weights.js';
import type { WasmBackend } from './wasm-backend.js';
import type { WasmLibrary } from './wasm-library.js';
import { makingTensors, outOfMemory } from './wasm-memory.js';
import { type Call, operations, sizeOf } from './wasm-operations.js';

/** What was placed in a backend's memory. */
export interface PlacedKernels {
  readonly library: WasmLibrary;
  readonly packed: PackedWeights;
}

/** Makes the operations kernels of the backend `wasm`, so that `tf.getKernel` finds them; `placedIn` gives what a backend has. */
export function registerWasmOperations(placedIn: (backend: WasmBackend) => PlacedKernels): void {
  for (const [kernelName, operation] of Object.entries(operations)) {
    if (tf.getKernel(kernelName, 'wasm')) continue;
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, attrs, backend: current }) => {
        const backend = current as unknown as WasmBackend;
        const { library, packed } = placedIn(backend);
        return makingTensors(backend, (make) =>
          operation({
            inputs: inputs as Call['inputs'],
            list: inputs as unknown as readonly tf.TensorInfo[],
            attributes: (attrs ?? {}) as unknown as Call['attributes'],
            library,
            packed,
            at: (tensor) => (sizeOf(tensor) === 0 ? 0 : backend.dataIdMap.get(tensor.dataId).memoryOffset),
            make,
            run(output, name, ...values) {
              if (sizeOf(output) === 0) return;
              if (library.functions[name]!(...values.map(Number)) === 0) throw outOfMemory(undefined, backend.wasm);
            },
          }),
        );
      },
    });
  }
}

export function unregisterWasmOperations(): void {
  for (const name of Object.keys(operations)) if (tf.getKernel(name, 'wasm')) tf.unregisterKernel(name, 'wasm');
}
