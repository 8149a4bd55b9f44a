import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from '@jest/globals';
import { doctor } from './doctor.js';
import { formatDoctor } from './format-doctor.js';
import { selectBackend } from './select-backend.js';

describe('doctor', () => {
  it('measures what works, explains what does not, and leaves everything as it was', async () => {
    await selectBackend({ backend: 'cpu' });
    const tensors = tf.memory().numTensors;
    const report = await doctor({ size: 64 });
    expect([tf.getBackend(), tf.memory().numTensors]).toEqual(['cpu', tensors]);
    expect(report.machine).toMatchObject({ runtime: `Node ${process.versions.node}`, cpus: expect.any(Number) });
    expect(report.machine.memory).toBeGreaterThan(1e8);
    expect(report.candidates.map(({ candidate }) => candidate)).toEqual([
      'tensorflow-gpu',
      'tensorflow',
      'wasm',
      'cpu',
      'webgpu',
    ]);
    expect(report.candidates.find(({ usable }) => usable)?.candidate).toBe(report.best);
    for (const { usable, gflops, kernels, why, fix } of report.candidates) {
      expect(why).not.toBe('');
      if (!usable) expect(fix).toBeTruthy();
      else {
        expect(kernels).toBeGreaterThan(100);
        expect(Math.min(gflops!.plain, gflops!.transposeA, gflops!.transposeB)).toBeGreaterThan(0);
      }
    }
    const text = formatDoctor(report);
    for (const { candidate, why, usable } of report.candidates) expect(text).toContain(usable ? candidate : why);
    expect(text).toContain(`best backend here: ${report.best}`);
    // The order of the question is not that of speed.
    expect((await doctor({ size: 16, candidates: ['cpu', 'wasm'] })).best).toBe('wasm');
  });

  it('gives the hint where the native library is missing', () => {
    const text = formatDoctor({
      machine: { runtime: 'Node 20', platform: 'linux x64', cpu: 'some', cpus: 2, memory: 0, freeMemory: 0 },
      tfjs: '4.22.0',
      candidates: [{ candidate: 'tensorflow', usable: false, why: 'missing', fix: 'put it in' }],
      best: 'cpu',
      caches: [],
      hint: 'For several times the speed: put it in.',
    });
    expect(text).toContain('to fix: put it in');
    expect(text.split('\n').at(-1)).toBe('For several times the speed: put it in.');
  });
});
