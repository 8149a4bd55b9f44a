/** What a caller may ask for; `auto` takes the fastest that works here. */
export const backendChoices = ['auto', 'tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

/** A backend by name, or `auto` for the fastest one that works. */
export type BackendChoice = (typeof backendChoices)[number];

/** A backend by the name of {@link backendChoices}. TensorFlow.js itself calls both TensorFlow ones `tensorflow`. */
export type BackendName = Exclude<BackendChoice, 'auto'>;

/** Whether one candidate can be used here, why or why not, and how to make it usable. */
export interface CandidateReport {
  readonly candidate: BackendName;
  readonly usable: boolean;
  readonly why: string;
  readonly fix?: string;
}

/** Whether our fused kernels are used on top of a backend: those in WebAssembly, or those of `tfjs-peft setup-native`. */
export interface FusedKernelsReport {
  readonly active: boolean;
  /** The instruction set and threads they use, or why they are not used. */
  readonly why: string;
  /** Frozen weights that are kept packed for them: megabytes now, and the most there may be. */
  readonly packedWeights?: { readonly megabytes: number; readonly limit: number };
  readonly fix?: string;
}

/** What was chosen and why. */
export interface BackendReport {
  readonly backend: BackendName;
  /** The npm package that provides it. */
  readonly package: string;
  /** The version of that package. */
  readonly version: string;
  /** The library below it, such as `TensorFlow 2.21.0`. */
  readonly engine?: string;
  /** The candidates looked at, in order; the last one is the chosen one. */
  readonly reasons: readonly CandidateReport[];
  /** Repairs that were applied, one sentence each. */
  readonly cures: readonly string[];
  /** Threads that the backend computes with. */
  readonly threads: number;
  /** For wasm and the TensorFlow backends: whether the fused kernels are used. */
  readonly fusedKernels?: FusedKernelsReport;
  /** How to get a faster backend on this machine, if there is one. */
  readonly hint?: string;
}

/** Which backend to use, and with how many threads. */
export interface BackendOptions {
  /** Default `auto`. Anything else is used or is an error; it never falls back silently. */
  readonly backend?: BackendChoice;
  /** Threads that one TensorFlow operation may use, fixed by the first load in a process. Default all; the other backends always have one. */
  readonly threads?: number;
  /**
   * Where the `.wasm` files of `@tensorflow/tfjs-backend-wasm` are, in a browser: their folder as an address that ends in a slash, or the
   * address of each by its name (`tfjs-backend-wasm.wasm`, `tfjs-backend-wasm-simd.wasm`). Only the first start of wasm reads it. Our own
   * `tfjs-peft-kernels.wasm` is found without it where a bundler knows `new URL(file, import.meta.url)`; else name its address as well.
   */
  readonly wasmPaths?: string | WasmAddresses;
}

/** Addresses of the two builds of wasm that compute with one thread, and of our fused kernels. */
export type WasmAddresses = Readonly<Record<'tfjs-backend-wasm.wasm' | 'tfjs-backend-wasm-simd.wasm', string>> & {
  readonly 'tfjs-peft-kernels.wasm'?: string;
};

/** A backend that was loaded and can be set. */
export interface LoadedBackend {
  readonly usable: true;
  /** The name under which TensorFlow.js knows it. */
  readonly registeredAs: string;
  readonly package: string;
  readonly version: string;
  readonly engine?: string;
  readonly why: string;
  readonly threads: number;
  readonly cures: readonly string[];
  readonly fusedKernels?: FusedKernelsReport;
  /** The repairs that need the backend running; they may know more of it. */
  readonly cureRunning?: () => Partial<LoadedBackend> | undefined;
}

export interface UnusableBackend {
  readonly usable: false;
  readonly why: string;
  readonly fix?: string;
}
