import type * as tf from '@tensorflow/tfjs';

/** The parts of tfjs-backend-wasm's backend that the cures use; its own type hides them. */
export interface WasmBackend {
  dataIdNextNumber: number;
  readonly dataIdMap: {
    has(dataId: object): boolean;
    get(dataId: object): { readonly id: number; readonly memoryOffset: number };
  };
  readonly wasm: {
    readonly tfjs: {
      registerTensor(id: number, size: number, memoryOffset: number): void;
      disposeData(id: number): void;
    };
    readonly HEAPU8: Uint8Array;
    /** What the WebAssembly module itself exports. */
    readonly asm: {
      readonly memory: WebAssembly.Memory;
      malloc(bytes: number): number;
      free(address: number): void;
    };
    /** The address of so many bytes, 0 if there is no room. */
    _malloc(bytes: number): number;
    cwrap(name: string, result: null, parameters: readonly string[]): (...values: readonly unknown[]) => void;
  };
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  disposeData(dataId: object): boolean;
}

/** Arguments of a kernel function, with the backend's real type. */
interface WasmKernelArguments {
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly attrs: Record<string, unknown>;
  readonly backend: WasmBackend;
}

export type WasmKernel = (kernelArguments: WasmKernelArguments) => tf.TensorInfo;
