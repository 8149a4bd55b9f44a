import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { doctor } from './doctor.js';
import { formatDoctor } from './format-doctor.js';
import { KERNELS_VARIABLE, reportOf } from './load-fused-kernels.js';
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
        fix: expect.stringContaining('setup:native'),
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
