import * as tf from '@tensorflow/tfjs';
import { loadTensorflow } from '#platform';
import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { backendChoices } from './backend-report.js';
import type {
  BackendChoice,
  BackendName,
  BackendOptions,
  BackendReport,
  CandidateReport,
  LoadedBackend,
  UnusableBackend,
} from './backend-report.js';
import { cureCpuMatMul } from './cpu-mat-mul.js';
import { SETUP_NATIVE } from './describe-load-failure.js';
import { runsInNode } from './import-at-run-time.js';
import { loadWasm, WASM_IN_PAGES } from './load-wasm.js';
import { loadWebgpu } from './load-webgpu.js';
import { cureMatMulGradient } from './mat-mul-gradient.js';
import { quietLogs } from './quiet-logs.js';
import { warnOfCopies } from './tensorflow-copies.js';

/** Fastest first. WebGPU is not among them: small models do not repay its dispatch, so it is used only when asked for. */
export const automaticOrder: readonly BackendName[] = ['tensorflow-gpu', 'tensorflow', 'wasm', 'cpu'];

/**
 * Finds the fastest TensorFlow.js backend that works here (or takes the one asked for), repairs its known faults and makes it current.
 *
 * @returns what was chosen and why
 * @throws PeftError `UNKNOWN_BACKEND`, `INVALID_THREADS`, or `BACKEND_UNUSABLE` if the backend that was asked for does not work here
 */
export async function selectBackend(options: BackendOptions = {}): Promise<BackendReport> {
  const choice = options.backend ?? 'auto';
  validate(choice, options.threads);
  quietLogs();
  await warnOfCopies();
  const reasons: CandidateReport[] = [];
  for (const candidate of choice === 'auto' ? automaticOrder : [choice]) {
    const result = await tryBackend(candidate, options);
    const fix = result.usable ? undefined : result.fix;
    reasons.push({ candidate, usable: result.usable, why: result.why, ...(fix ? { fix } : {}) });
    if (!result.usable) continue;
    if (choice === 'auto' && candidate === 'cpu' && !runsInNode()) warnOfSlowPage(reasons);
    return report(candidate, result, reasons);
  }
  const fixes = reasons.flatMap(({ fix }) => fix ?? []);
  throw new PeftError('BACKEND_UNUSABLE', {
    found: `The backend ${reasons.map(({ candidate, why }) => `${candidate} cannot be used: ${why}`).join('; the backend ')}`,
    fix: fixes.length > 0 ? fixes.join('; or ') : 'leave the choice to `auto`',
  });
}

/** Loads a backend, repairs it and makes it current; says why if that fails. Leaves the current backend alone in that case. */
export async function tryBackend(
  candidate: BackendName,
  options: BackendOptions = {},
): Promise<LoadedBackend | UnusableBackend> {
  const before = tf.getBackend();
  const result = await loaders[candidate](options);
  if (!result.usable) return result;
  try {
    // False, or an exception from deep inside, if it cannot start.
    if (await tf.setBackend(result.registeredAs)) {
      await tf.ready();
      cureMatMulGradient();
      return { ...result, ...result.cureRunning?.() };
    }
  } catch (error) {
    if (before) await tf.setBackend(before);
    return notStarted(candidate, `it does not start: ${(error as Error).message}`);
  }
  if (before) await tf.setBackend(before);
  return notStarted(candidate, 'it does not start on this machine');
}

/** In a page, wasm that does not start was nearly always looked for in the wrong place. */
const notStarted = (candidate: BackendName, why: string): UnusableBackend => ({
  usable: false,
  why,
  ...(candidate === 'wasm' && !runsInNode() && { fix: WASM_IN_PAGES }),
});

/** `auto` never fails, so a page that got the slowest backend has to be told so. */
function warnOfSlowPage(reasons: readonly CandidateReport[]): void {
  const { why, fix } = reasons.find(({ candidate }) => candidate === 'wasm')!;
  console.warn(
    `tfjs-peft computes in plain JavaScript, twenty times slower than in WebAssembly: ${why}. To fix: ${fix}`,
  );
}

const loaders: Record<BackendName, (options: BackendOptions) => Promise<LoadedBackend | UnusableBackend>> = {
  'tensorflow-gpu': ({ threads }) => loadTensorflow('tensorflow-gpu', threads),
  tensorflow: ({ threads }) => loadTensorflow('tensorflow', threads),
  webgpu: loadWebgpu,
  wasm: loadWasm,
  cpu: loadCpu,
};

async function loadCpu(): Promise<LoadedBackend | UnusableBackend> {
  if (!tf.findBackendFactory('cpu'))
    return { usable: false, why: 'this bundle leaves it out', fix: 'import @tensorflow/tfjs-backend-cpu, or use wasm' };
  cureCpuMatMul();
  return {
    usable: true,
    registeredAs: 'cpu',
    package: '@tensorflow/tfjs-backend-cpu',
    version: tf.version_core,
    why: 'plain JavaScript always works',
    threads: 1,
    cures: ['batch axes of matrix products broadcast as in NumPy'],
  };
}

function report(backend: BackendName, loaded: LoadedBackend, reasons: readonly CandidateReport[]): BackendReport {
  const slow = runsInNode() && (backend === 'wasm' || backend === 'cpu');
  return {
    backend,
    package: loaded.package,
    version: loaded.version,
    ...(loaded.engine ? { engine: loaded.engine } : {}),
    reasons,
    cures: ['gradients of matrix products sum over broadcast batch axes', ...loaded.cures],
    threads: loaded.threads,
    ...(loaded.fusedKernels ? { fusedKernels: loaded.fusedKernels } : {}),
    ...(slow ? { hint: `Several times faster with the native TensorFlow library: ${SETUP_NATIVE}.` } : {}),
  };
}

function validate(choice: BackendChoice, threads: number | undefined): void {
  if (!backendChoices.includes(choice)) {
    const near = nearMisses(String(choice), backendChoices, 1)[0];
    throw new PeftError('UNKNOWN_BACKEND', {
      found: `There is no backend ${JSON.stringify(choice)}`,
      expected: backendChoices.join(', '),
      fix: near ? `use ${near}` : 'leave the choice to `auto`',
    });
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new PeftError('INVALID_THREADS', {
      found: `threads is ${String(threads)}`,
      expected: 'a whole number from 1',
      fix: 'leave it out for the default',
    });
  }
}
