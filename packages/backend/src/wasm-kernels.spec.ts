import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { doctor } from './doctor.js';
import { formatDoctor } from './format-doctor.js';
import { KERNELS_VARIABLE, PACKED_VARIABLE } from './kernel-settings.js';
import { loadWasmKernels } from './load-wasm-kernels.js';
import { nativeOperationNames } from './native-operations.js';
import { selectBackend } from './select-backend.js';
import { withFailingAllocation } from '../test/failing-allocation.js';
import { packedWeights } from './packed-weights.js';
import { registerWasmOperations, unregisterWasmOperations } from './register-wasm-operations.js';
import type { WasmBackend } from './wasm-backend.js';
import { compileLibrary, placeLibrary } from './wasm-library.js';

const names = () =>
  tf
    .getKernelsForBackend('wasm')
    .map(({ kernelName }) => kernelName)
    .filter((name) => name.startsWith('TfjsPeft'));
const run = (name: string, inputs: tf.NamedTensorMap, attributes: Record<string, boolean | number> = {}) =>
  tf.engine().runKernel(name, inputs, attributes) as tf.Tensor[];
const none = () => tf.tensor1d([]);
const pack = (kernel: tf.Tensor) => run('TfjsPeftPack', { kernel }, { transposed: false })[0]!;
const packed = async () => (await selectBackend({ backend: 'wasm' })).fusedKernels!.packedWeights!;

beforeAll(async () => void (await selectBackend({ backend: 'wasm' })));
afterEach(() => {
  delete process.env[KERNELS_VARIABLE];
  delete process.env[PACKED_VARIABLE];
});

describe('fused kernels in WebAssembly', () => {
  it('are all there but for the sum, which the backend has as fast, and named in the report', async () => {
    const { fusedKernels } = await selectBackend({ backend: 'wasm' });
    expect(fusedKernels).toMatchObject({ active: true, why: 'WebAssembly SIMD, 1 thread' });
    expect(names().toSorted()).toEqual(nativeOperationNames.filter((name) => name !== 'TfjsPeftAdd').toSorted());
  });

  it('can be switched off and on again, which the doctor says', async () => {
    process.env[KERNELS_VARIABLE] = 'portable';
    expect((await selectBackend({ backend: 'wasm' })).fusedKernels).toMatchObject({ active: false });
    expect(names()).toEqual([]);
    const off = formatDoctor(await doctor({ size: 32, candidates: ['wasm'] }));
    expect(off).toMatch(/fused kernels: not active, .*portable[^]*to fix: unset/);
    delete process.env[KERNELS_VARIABLE];
    expect((await selectBackend({ backend: 'wasm' })).fusedKernels).toMatchObject({ active: true });
    expect(names()).toContain('TfjsPeftAffine');
  });

  it('multiply as the backend does, packed or not', async () => {
    const [x, kernel, bias] = [tf.randomNormal([3, 7, 50]), tf.randomNormal([50, 33]), tf.randomNormal([33])];
    const expected = await tf.add(tf.matMul(x.reshape([21, 50]), kernel), bias).data();
    for (const weights of [pack(kernel), none()]) {
      const [y] = run('TfjsPeftAffine', { x, kernel, bias, packed: weights }, { transposed: false });
      expect(y!.shape).toEqual([3, 7, 33]);
      (await y!.data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
      weights.dispose();
    }
  });

  it('keep packed weights up to the limit, and count them until they are freed', async () => {
    const before = (await packed()).megabytes;
    const kernel = tf.zeros([512, 512]);
    const [first, second] = [pack(kernel), pack(kernel)];
    expect(await packed()).toMatchObject({ megabytes: before + 2, limit: 1024 });
    first.dispose();
    expect(await packed()).toMatchObject({ megabytes: before + 1 });
    process.env[PACKED_VARIABLE] = '1';
    expect(pack(kernel).shape).toEqual([0]);
    second.dispose();
    expect(pack(kernel).size).toBeGreaterThan(512 * 512 - 1);
  });

  it('grow the memory while they compute', async () => {
    const rows = 3000;
    const x = tf.ones([rows, 1000]);
    const kernel = tf.ones([1000, 4000]);
    const [y] = run('TfjsPeftAffine', { x, kernel, bias: none(), packed: none() }, { transposed: false });
    const sums = await y!.data();
    expect([sums[0], sums[rows * 4000 - 1]]).toEqual([1000, 1000]);
    tf.dispose([x, kernel, y!]);
  });

  it('give an empty result of its shape, and a sum without empty tensors', async () => {
    const lists = [tf.zeros([0]), tf.tensor1d([2, 3]), tf.zeros([0]), tf.tensor1d([5, 7])];
    const [sum] = run('TfjsPeftDot', lists as unknown as tf.NamedTensorMap, { count: 2 });
    expect([...(await sum!.data())]).toEqual([31]);
    const [x, kernel, bias] = [tf.zeros([0, 4]), tf.zeros([4, 6]), none()];
    expect(run('TfjsPeftAffine', { x, kernel, bias, packed: none() }, { transposed: false })[0]!.shape).toEqual([0, 6]);
  });

  it('refuse inputs that do not fit, before they touch memory', () => {
    const [kernel, bias] = [tf.zeros([4, 6]), tf.zeros([6])];
    const affine = (inputs: tf.NamedTensorMap) =>
      run('TfjsPeftAffine', { x: tf.zeros([2, 4]), kernel, bias, packed: none(), ...inputs }, { transposed: false });
    expect(() => affine({ x: tf.zeros([2, 3]) })).toThrow(/do not fit/);
    expect(() => affine({ bias: tf.zeros([5]) })).toThrow(/do not fit/);
    const [panels = 0, inputs = 0, width = 0] = pack(kernel).shape;
    for (const shape of [
      [3],
      [panels * inputs * width],
      [2 * panels, inputs, width / 2],
      [panels, 2 * inputs, width / 2],
    ])
      expect(() => affine({ packed: tf.zeros(shape) })).toThrow(/do not fit/);
    const sparse = (indices: number[], ends: number[]) =>
      run(
        'TfjsPeftSparseGradient',
        {
          x: tf.zeros([2, 4]),
          dy: tf.zeros([2, 6]),
          indices: tf.tensor1d(indices, 'int32'),
          ends: tf.tensor1d(ends, 'int32'),
        },
        {},
      );
    expect(sparse([0, 11, 3], [2, 3])[0]!.shape).toEqual([3]);
    for (const [indices, ends] of [
      [[12], [1, 1]],
      [[-1], [1, 1]],
      [
        [0, 1],
        [1, 1],
      ],
      [
        [0, 1],
        [3, 2],
      ],
    ] as const)
      expect(() => sparse([...indices], [...ends])).toThrow(/do not fit/);
    const attention = (mask: tf.Tensor) =>
      run(
        'TfjsPeftAttention',
        {
          ...{ queryKeyValue: tf.zeros([2, 3, 24]), prefixKeys: none(), prefixValues: none() },
          ...{ mask, dropout: none() },
        },
        { heads: 2 },
      );
    expect(attention(tf.zeros([2, 3]))[0]!.shape).toEqual([2, 3, 8]);
    expect(() => attention(tf.zeros([2, 4]))).toThrow(/do not fit/);
  });

  it('say why they do not load, and leave the backend alone', async () => {
    const address = String(new URL('index.ts', import.meta.url)).replace('file:', 'data:text/plain,');
    expect((await loadWasmKernels(address)).place()).toMatchObject({
      active: false,
      why: expect.stringMatching(/^they do not load: .*WebAssembly/),
    });
    expect(names()).toEqual([]);
    await selectBackend({ backend: 'wasm' });
    expect(names()).toContain('TfjsPeftAffine');
  });

  describe('for which there is no memory', () => {
    const backend = () => tf.backend() as unknown as WasmBackend & { numDataIds(): number };
    const full = expect.objectContaining({ code: 'BACKEND_OUT_OF_MEMORY' });

    it.each([1, 2, 3])('leave no output behind: allocation %i fails', (failing) => {
      tf.tidy(() => {
        const inputs = { x: tf.ones([3, 4]), weight: tf.ones([4]), bias: tf.zeros([4]) };
        const normalise = () => run('TfjsPeftLayerNorm', inputs, { epsilon: 1e-5 });
        const before = backend().numDataIds();
        withFailingAllocation(backend(), failing, () => expect(normalise).toThrow(full));
        expect(backend().numDataIds()).toBe(before);
        expect(normalise().map(({ shape }) => shape)).toEqual([
          [3, 4],
          [3, 4],
          [3, 1],
        ]);
      });
    });

    it('leave no output behind where their own memory ends', async () => {
      const placed = placeLibrary(await compileLibrary(), backend());
      const library = { ...placed, functions: { ...placed.functions, affine: () => 0 } };
      unregisterWasmOperations();
      registerWasmOperations((current) => ({ library, packed: packedWeights(current) }));
      try {
        const inputs = { x: tf.ones([3, 4]), kernel: tf.ones([4, 5]), bias: none(), packed: none() };
        const before = backend().numDataIds();
        expect(() => run('TfjsPeftAffine', inputs, { transposed: false })).toThrow(full);
        expect(backend().numDataIds()).toBe(before);
      } finally {
        unregisterWasmOperations();
        await selectBackend({ backend: 'wasm' });
      }
    });

    it('keep no packed weights', async () => {
      const kernel = tf.ones([64, 64]);
      const { megabytes } = await packed();
      withFailingAllocation(backend(), 1, () => expect(pack(kernel).shape).toEqual([0]));
      expect(await packed()).toMatchObject({ megabytes });
      expect(pack(kernel).size).toBe(64 * 64);
    });
  });

  it('are no reason to end where there is no memory', async () => {
    const full = { asm: { memory: {}, malloc: () => 0, free: () => {} }, HEAPU8: new Uint8Array(8) };
    const module = await compileLibrary();
    expect(() => placeLibrary(module, { wasm: full } as unknown as WasmBackend)).toThrow(
      expect.objectContaining({ code: 'BACKEND_OUT_OF_MEMORY' }),
    );
  });
});
