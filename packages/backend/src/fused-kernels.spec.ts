import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { doctor } from './doctor.js';
import { formatDoctor } from './format-doctor.js';
import { KERNELS_VARIABLE } from './kernel-settings.js';
import { reportOf } from './load-fused-kernels.js';
import { nativeOperationNames } from './native-operations.js';
import { selectBackend } from './select-backend.js';

const folder = new URL('../../../node_modules/@tensorflow/tfjs-node/deps/', import.meta.url);
const whenThere = existsSync(new URL('tfjs-peft-kernels.cjs', folder)) ? it : it.skip;
if (whenThere === it.skip) console.log('Skipped: the fused kernels (compile them with `npm run setup:native`).');

const names = () =>
  tf
    .getKernelsForBackend('tensorflow')
    .map(({ kernelName }) => kernelName)
    .filter((name) => name.startsWith('TfjsPeft'));

afterEach(() => {
  delete process.env[KERNELS_VARIABLE];
});

describe('fused kernels', () => {
  whenThere('are registered when TensorFlow is loaded, and named in the report', async () => {
    const { fusedKernels, threads } = await selectBackend({ backend: 'tensorflow' });
    expect(fusedKernels).toMatchObject({
      active: true,
      why: expect.stringMatching(/^(avx512|avx2|baseline), \d+ thread/),
    });
    expect(fusedKernels!.why).toContain(`${threads} thread`);
    expect(names().length).toBeGreaterThan(5);
  });

  whenThere('can be switched off and on again', async () => {
    process.env[KERNELS_VARIABLE] = 'portable';
    const { fusedKernels } = await selectBackend({ backend: 'tensorflow' });
    expect(fusedKernels).toMatchObject({ active: false, why: expect.stringContaining(KERNELS_VARIABLE) });
    expect(names()).toEqual([]);
    delete process.env[KERNELS_VARIABLE];
    expect((await selectBackend({ backend: 'tensorflow' })).fusedKernels).toMatchObject({ active: true });
    expect(names().length).toBeGreaterThan(5);
  });

  whenThere('add large tensors to the same bits, and leave every other sum to TensorFlow', async () => {
    await selectBackend({ backend: 'tensorflow' });
    const [a, b] = [tf.randomNormal([300, 411]), tf.randomNormal([300, 411])];
    const row = tf.randomNormal([411]);
    const found = await Promise.all([a.add(b).data(), a.add(row).data(), a.cast('int32').add(b.cast('int32')).data()]);
    process.env[KERNELS_VARIABLE] = 'portable';
    await selectBackend({ backend: 'tensorflow' });
    const expected = await Promise.all([
      a.add(b).data(),
      a.add(row).data(),
      a.cast('int32').add(b.cast('int32')).data(),
    ]);
    expect(found).toEqual(expected);
    tf.dispose([a, b, row]);
  });

  it('of another version are left alone', () => {
    const library = { instructions: 'avx2', threads: 2 };
    const operations = nativeOperationNames.map((name) => `${name},`).join('');
    expect(reportOf({ ...library, operations })).toEqual({ active: true, why: 'avx2, 2 threads' });
    for (const other of [undefined, operations.replace('TfjsPeftUpdateAdamW,', '')])
      expect(reportOf({ ...library, operations: other })).toMatchObject({
        active: false,
        why: expect.stringMatching(/another version of tfjs-peft, without .*TfjsPeftUpdateAdamW/),
        fix: expect.stringContaining('setup-native'),
      });
  });

  it('are no matter of other backends', async () => {
    expect((await selectBackend({ backend: 'cpu' })).fusedKernels).toBeUndefined();
  });

  whenThere('are named by the doctor, with the cure where they are not active', async () => {
    process.env[KERNELS_VARIABLE] = 'portable';
    const off = formatDoctor(await doctor({ size: 32, candidates: ['tensorflow'] }));
    expect(off).toMatch(/fused kernels: not active, .*portable/);
    expect(off).toContain(`to fix: unset ${KERNELS_VARIABLE}`);
    delete process.env[KERNELS_VARIABLE];
    expect(formatDoctor(await doctor({ size: 32, candidates: ['tensorflow'] }))).toMatch(/fused kernels: active, /);
  });
});

/** Sums of squares of so many numbers in a process with so many threads, by the kernel and by TensorFlow. */
function sumsOfSquares(threads: number, sizes: readonly number[]): readonly (readonly [number, number])[] {
  const lines = `
    const util = require('node:util');
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    const load = require('node:module').createRequire(process.argv[1]);
    const tf = load('@tensorflow/tfjs-node');
    load('@tensorflow/tfjs-node/deps/tfjs-peft-kernels.cjs');
    const backend = tf.backend();
    const count = { name: 'count', type: backend.binding.TF_ATTR_INT, value: 1 };
    const sums = process.argv.slice(2).map((size) => {
      const x = tf.randomUniform([Number(size)], 0, 1, 'float32', 1);
      const [sum] = backend.executeMultipleOutputs('TfjsPeftDot', [count], [x, x], 1);
      return [backend.readSync(sum.dataId)[0], x.mul(x).sum().dataSync()[0]];
    });
    console.log('sums ' + JSON.stringify(sums));`;
  const env = { ...process.env, TF_NUM_INTRAOP_THREADS: String(threads), TF_CPP_MIN_LOG_LEVEL: '3' };
  const given = ['-e', lines, '--', fileURLToPath(import.meta.url), ...sizes.map(String)];
  const output = execFileSync(process.execPath, given, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output.match(/^sums (.*)$/m)![1]!) as [number, number][];
}

describeOnNative('the sum of products', () => {
  // The last size is worth more threads than there may be parts.
  const sizes = [8193, 131_071, 131_072, 1_000_003, 30_000_001];

  whenThere('has the same bits on any number of threads, those of one thread of TensorFlow', () => {
    const one = sumsOfSquares(1, sizes);
    for (const [found, expected] of one) expect(found).toBe(expected);
    for (const threads of [3, 420])
      expect(sumsOfSquares(threads, sizes).map(([sum]) => sum)).toEqual(one.map(([sum]) => sum));
  });
});
