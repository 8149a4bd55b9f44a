import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from '@jest/globals';
import type { BackendChoice } from './backend-report.js';
import { automaticOrder, selectBackend } from './select-backend.js';

describe('selectBackend', () => {
  it.each([
    ['wasm', '@tensorflow/tfjs-backend-wasm'],
    ['cpu', '@tensorflow/tfjs-backend-cpu'],
  ] as const)('takes %s when asked, and says so', async (backend, packageName) => {
    const report = await selectBackend({ backend });
    expect(tf.getBackend()).toBe(backend);
    expect(report).toMatchObject({ backend, package: packageName, version: '4.22.0', threads: 1 });
    expect(report.reasons).toEqual([{ candidate: backend, usable: true, why: expect.any(String) }]);
    expect(report.cures.length).toBeGreaterThan(1);
    expect(report.hint).toContain('npx tfjs-peft setup-native');
  });

  it('takes the first that works, and reports why the faster ones do not', async () => {
    const report = await selectBackend();
    const chosen = automaticOrder.indexOf(report.backend);
    expect(report.reasons.map(({ candidate }) => candidate)).toEqual(automaticOrder.slice(0, chosen + 1));
    expect(report.reasons.map(({ usable }) => usable)).toEqual(report.reasons.map((_, i) => i === chosen));
    for (const { usable, why, fix } of report.reasons) {
      expect(why).not.toBe('');
      if (!usable) expect(fix).not.toBe('');
    }
    expect(tf.getBackend()).toBe(report.backend.replace('-gpu', ''));
    expect('hint' in report).toBe(report.backend === 'wasm' || report.backend === 'cpu');
  });

  it('does not fall back from a backend that was asked for, and leaves the current one alone', async () => {
    await selectBackend({ backend: 'cpu' });
    const failure = selectBackend({ backend: 'webgpu' });
    await expect(failure).rejects.toMatchObject({ code: 'BACKEND_UNUSABLE' });
    await expect(failure).rejects.toThrow(/webgpu cannot be used: .*not installed.* To fix: .*npm install/);
    expect(tf.getBackend()).toBe('cpu');
  });

  it('rejects names and thread counts it does not know', async () => {
    await expect(selectBackend({ backend: 'wsam' as BackendChoice })).rejects.toMatchObject({
      code: 'UNKNOWN_BACKEND',
    });
    await expect(selectBackend({ backend: 'wsam' as BackendChoice })).rejects.toThrow(/use wasm/);
    for (const threads of [0, 1.5, NaN]) {
      await expect(selectBackend({ backend: 'cpu', threads })).rejects.toMatchObject({ code: 'INVALID_THREADS' });
    }
  });

  it('says that wasm has one thread', async () => {
    const report = await selectBackend({ backend: 'wasm', threads: 2 });
    expect(report.threads).toBe(1);
    expect(report.reasons[0]!.why).toContain('not 2');
  });

  it('may be called again and again', async () => {
    for (const backend of ['wasm', 'cpu', 'wasm'] as const) {
      await selectBackend({ backend });
      const [gradient] = tf.grads((a) => tf.matMul(a as tf.Tensor, tf.ones([2, 2])).sum())([tf.ones([2, 2])]);
      expect(Array.from(await gradient!.data())).toEqual([2, 2, 2, 2]);
    }
  });
});
