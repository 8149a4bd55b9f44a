import type * as NodeFs from 'node:fs';
import type * as NodeOs from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type { BackendName, CandidateReport, FusedKernelsReport } from './backend-report.js';
import { importAtRunTime, runsInNode } from './import-at-run-time.js';
import { measureProduct } from './measure-product.js';
import type { ProductSpeed } from './measure-product.js';
import { quietLogs } from './quiet-logs.js';
import { tryBackend } from './select-backend.js';

/** What the doctor found out about one backend. */
export interface CandidateExamination extends CandidateReport {
  readonly package?: string;
  readonly version?: string;
  readonly engine?: string;
  readonly threads?: number;
  readonly cures?: readonly string[];
  readonly fusedKernels?: FusedKernelsReport;
  /** How many kernels it has. */
  readonly kernels?: number;
  readonly gflops?: ProductSpeed;
}

/** The machine, and what each backend is worth on it; plain JSON. */
export interface DoctorReport {
  readonly machine: {
    /** Such as `Node 20.20.2`, or the browser's own description. */
    readonly runtime: string;
    /** Such as `linux x64`. */
    readonly platform: string;
    readonly cpu: string;
    readonly cpus: number;
    /** Bytes; 0 where unknown. */
    readonly memory: number;
    readonly freeMemory: number;
  };
  /** The version of TensorFlow.js. */
  readonly tfjs: string;
  /** Every candidate, fastest first. */
  readonly candidates: readonly CandidateExamination[];
  /** What `auto` takes here. */
  readonly best: BackendName;
  /** Where downloads are kept, and whether there are any. */
  readonly caches: readonly { readonly what: string; readonly path: string; readonly exists: boolean }[];
  /** One line on how to become faster, if there is a way. */
  readonly hint?: string;
}

/** What `doctor` measures. */
export interface DoctorOptions {
  /** Side of the square matrices; default 512 (cpu: 192). */
  readonly size?: number;
  /** Backends to examine; default all. */
  readonly candidates?: readonly BackendName[];
}

const everyCandidate: readonly BackendName[] = ['tensorflow-gpu', 'tensorflow', 'wasm', 'cpu', 'webgpu'];

/**
 * Tries every backend, measures those that work, and describes the machine. Takes a second or two. The backend that was current stays
 * current; tensors are not touched.
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  quietLogs();
  const before = tf.getBackend();
  const candidates: CandidateExamination[] = [];
  for (const candidate of options.candidates ?? everyCandidate) candidates.push(await examine(candidate, options.size));
  const works = (name: BackendName) => candidates.some(({ candidate, usable }) => usable && candidate === name);
  const best = everyCandidate.find((name) => name !== 'webgpu' && works(name)) ?? 'cpu';
  if (before) await tf.setBackend(before);
  const native = candidates.find(({ candidate }) => candidate === 'tensorflow');
  const isNative = best === 'tensorflow' || best === 'tensorflow-gpu';
  return {
    machine: await describeMachine(),
    tfjs: tf.version_core,
    candidates,
    best,
    caches: await findCaches(),
    ...(!isNative && native?.fix ? { hint: `For several times the speed: ${native.fix}.` } : {}),
  };
}

async function examine(candidate: BackendName, size?: number): Promise<CandidateExamination> {
  const result = await tryBackend(candidate);
  if (!result.usable) return { candidate, usable: false, why: result.why, ...(result.fix ? { fix: result.fix } : {}) };
  const { why, registeredAs, version, engine, threads, cures, fusedKernels } = result;
  return {
    ...{ candidate, usable: true, why, package: result.package, version, threads, cures },
    ...(engine ? { engine } : {}),
    ...(fusedKernels ? { fusedKernels } : {}),
    kernels: tf.getKernelsForBackend(registeredAs).length,
    // The plain JavaScript one is a hundred times slower, and as well measured on less.
    gflops: await measureProduct(size ?? (candidate === 'cpu' ? 192 : 512)),
  };
}

async function describeMachine(): Promise<DoctorReport['machine']> {
  if (!runsInNode()) {
    const { navigator = {} } = globalThis as { navigator?: { userAgent?: string; hardwareConcurrency?: number } };
    const { userAgent = 'unknown', hardwareConcurrency = 1 } = navigator;
    return {
      runtime: userAgent,
      platform: 'browser',
      cpu: 'unknown',
      cpus: hardwareConcurrency,
      memory: 0,
      freeMemory: 0,
    };
  }
  const { default: os } = (await importAtRunTime('node:os')) as { default: typeof NodeOs };
  return {
    runtime: `Node ${process.versions.node}`,
    platform: `${process.platform} ${process.arch}`,
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cpus: os.availableParallelism(),
    memory: os.totalmem(),
    freeMemory: os.freemem(),
  };
}

async function findCaches(): Promise<DoctorReport['caches']> {
  if (!runsInNode()) return [];
  const { default: os } = (await importAtRunTime('node:os')) as { default: typeof NodeOs };
  const { default: fs } = (await importAtRunTime('node:fs')) as { default: typeof NodeFs };
  const { env } = process;
  const userCache = env['XDG_CACHE_HOME'] || `${os.homedir()}/.cache`;
  const hub = env['HF_HUB_CACHE'] || `${env['HF_HOME'] || `${userCache}/huggingface`}/hub`;
  const native = env['TFJS_PEFT_CACHE'] || `${userCache}/tfjs-peft`;
  return [
    { what: 'native TensorFlow', path: native },
    { what: 'models of the Hugging Face Hub', path: hub },
  ].map((cache) => ({ ...cache, exists: fs.existsSync(cache.path) }));
}
