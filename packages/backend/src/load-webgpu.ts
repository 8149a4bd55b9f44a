import * as tf from '@tensorflow/tfjs';
import type { LoadedBackend, UnusableBackend } from './backend-report.js';
import { describeLoadFailure, secondCopy } from './describe-load-failure.js';
import { importAtRunTime, runsInNode } from './import-at-run-time.js';
import { cureWebgpuAddN } from './webgpu-add-n.js';
import { cureWebgpuMatMul } from './webgpu-mat-mul.js';

const packageName = '@tensorflow/tfjs-backend-webgpu';

/**
 * Loads the WebGPU backend. In a browser the page imports `@tensorflow/tfjs-backend-webgpu` itself; in Node the package `webgpu` (Dawn)
 * stands in for the browser.
 */
export async function loadWebgpu(): Promise<LoadedBackend | UnusableBackend> {
  try {
    if (runsInNode()) await provideNavigatorGpu();
    const scope = globalThis as { navigator?: { gpu?: { requestAdapter(): Promise<object | null> } } };
    if (!scope.navigator?.gpu)
      return { usable: false, why: 'this browser has no WebGPU', fix: 'use a browser that has it, or wasm' };
    if (!(await scope.navigator.gpu.requestAdapter())) {
      return {
        usable: false,
        why: 'WebGPU finds no graphics adapter',
        fix: 'install the driver with its Vulkan part, or use wasm',
      };
    }
    if (!tf.findBackendFactory('webgpu')) await importAtRunTime(packageName);
    if (!tf.findBackendFactory('webgpu')) return secondCopy(packageName);
    cureWebgpuAddN();
    cureWebgpuMatMul();
    const why = 'WebGPU has an adapter';
    return {
      usable: true,
      registeredAs: 'webgpu',
      package: packageName,
      version: tf.version_core,
      why,
      threads: 1,
      cures: [
        'sums of more terms than the device binds at once are done in groups',
        'products with a transposed factor and a long inner dimension are right',
      ],
    };
  } catch (error) {
    const fix = `\`npm install ${packageName}@4.22.0${runsInNode() ? ' webgpu' : ''}\`${runsInNode() ? '' : ', and import it in the page'}`;
    const missing = String((error as Error).message).includes("'webgpu'") ? 'webgpu' : packageName;
    return { ...describeLoadFailure(missing, error, fix), fix };
  }
}

async function provideNavigatorGpu(): Promise<void> {
  const current = (globalThis as { navigator?: object }).navigator;
  if (current && 'gpu' in current) return;
  const dawn = (await importAtRunTime('webgpu')) as { globals: object; create(flags: readonly string[]): object };
  Object.assign(globalThis, dawn.globals);
  // Node 21 and later have a navigator that cannot be assigned to.
  const navigator = Object.assign(Object.create(current ?? null) as object, { gpu: dawn.create([]) });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true });
}
