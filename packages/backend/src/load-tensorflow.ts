import type * as NodeFs from 'node:fs';
import type * as NodeOs from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type { BackendName, LoadedBackend, UnusableBackend } from './backend-report.js';
import { SETUP_NATIVE, describeLoadFailure, secondCopy } from './describe-load-failure.js';
import { importAtRunTime, runsInNode } from './import-at-run-time.js';
import { loadFusedKernels } from './load-fused-kernels.js';
import { restoreNodeUtil } from './restore-node-util.js';
import { keepReshapeShapes } from './tensorflow-reshape.js';

type TensorflowName = Extract<BackendName, 'tensorflow' | 'tensorflow-gpu'>;

interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
}

const packages = { tensorflow: '@tensorflow/tfjs-node', 'tensorflow-gpu': '@tensorflow/tfjs-node-gpu' } as const;

const fixes = {
  tensorflow: SETUP_NATIVE,
  'tensorflow-gpu': SETUP_NATIVE.replaceAll('setup-native`', 'setup-native --cuda`'),
};

/**
 * What a CUDA process starts with unless the environment says otherwise: it takes memory as it needs it instead of all of the device's,
 * so that trials share one, and its products are float32 as on every other backend instead of TF32 (10 bits of mantissa).
 */
const cudaDefaults = { TF_FORCE_GPU_ALLOW_GROWTH: 'true', NVIDIA_TF32_OVERRIDE: '0' };

/** The native package in this process: both register the same backend name and bring a TensorFlow of their own, so there is only ever one. */
let loaded: TensorflowName | undefined;

/**
 * Loads TensorFlow's C library through `@tensorflow/tfjs-node` or its CUDA twin.
 *
 * @param threads cores for one operation; must come before the first load, later it has no effect
 */
export async function loadTensorflow(name: TensorflowName, threads?: number): Promise<LoadedBackend | UnusableBackend> {
  const packageName = packages[name];
  if (!runsInNode()) return { usable: false, why: 'it runs in Node only' };
  if (loaded && loaded !== name) {
    const why = `${packages[loaded]} is already loaded in this process, and the two exclude each other`;
    return { usable: false, why, fix: 'ask for it in a fresh process, before any other backend' };
  }
  if (name === 'tensorflow-gpu' && !(await hasNvidiaDevice())) {
    return {
      usable: false,
      why: 'this machine shows no NVIDIA device',
      fix: 'install the NVIDIA driver (`nvidia-smi` must list a device)',
    };
  }
  const restored = await restoreNodeUtil();
  if (threads && !loaded) process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  if (name === 'tensorflow-gpu')
    for (const [variable, value] of Object.entries(cudaDefaults)) process.env[variable] ??= value;
  try {
    const before = tf.getBackend();
    await importAtRunTime(packageName);
    if (!tf.findBackendFactory('tensorflow')) return secondCopy(packageName);
    loaded = name;
    keepReshapeShapes();
    const native = tf.findBackend('tensorflow') as unknown as NativeBackend;
    // Loading it also made it the current backend; that is for the caller to decide.
    if (before) await tf.setBackend(before);
    if (name === 'tensorflow-gpu' && !native.isUsingGpuDevice) {
      return { usable: false, why: `${packageName} found no CUDA device it can use`, fix: fixes[name] };
    }
    return await describe(name, native, restored);
  } catch (error) {
    return describeLoadFailure(packageName, error, fixes[name]);
  }
}

async function describe(
  name: TensorflowName,
  native: NativeBackend,
  restored: readonly string[],
): Promise<LoadedBackend> {
  const { default: os } = (await importAtRunTime('node:os')) as { default: typeof NodeOs };
  const threads = Number(process.env['TF_NUM_INTRAOP_THREADS']) || os.availableParallelism();
  return {
    usable: true,
    registeredAs: 'tensorflow',
    package: packages[name],
    version: tf.version_core,
    engine: `TensorFlow ${native.binding.TF_Version}`,
    why: name === 'tensorflow' ? 'the native library works' : 'the native library works and uses a CUDA device',
    threads,
    fusedKernels: await loadFusedKernels(packages[name]),
    cures:
      restored.length === 0
        ? []
        : [`put back ${restored.map((name) => `util.${name}`).join(' and ')}, which this Node no longer offers`],
  };
}

async function hasNvidiaDevice(): Promise<boolean> {
  const { default: fs } = (await importAtRunTime('node:fs')) as { default: typeof NodeFs };
  // A loaded driver, a container's device file, or Windows' subsystem for Linux.
  if (['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'].some((path) => fs.existsSync(path))) return true;
  return process.platform === 'win32' && fs.existsSync('C:\\Windows\\System32\\nvcuda.dll');
}
