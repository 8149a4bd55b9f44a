import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { cureMatMulGradient } from './mat-mul-gradient.js';
import { quietLogs } from './quiet-logs.js';
import { withFailingAllocation } from '../test/failing-allocation.js';
import type { WasmBackend } from './wasm-backend.js';
import { cureWasmMatMul } from './wasm-mat-mul.js';
import { cureWasmMemory } from './wasm-memory.js';
import { cureWasmSegmentSum } from './wasm-segment-sum.js';

// This suite loads the backend by hand, so that it can look at it without the cures first.
beforeAll(async () => {
  quietLogs();
  await tf.setBackend('wasm');
});

const values = async (x: tf.Tensor): Promise<number[]> => Array.from(await x.data());

/** Runs `body` with a cure in place and puts the stock state back; proves on the way that the cure was not in place before. */
async function withCure(cure: () => (() => void) | null, body: () => Promise<void>): Promise<void> {
  const undo = cure();
  expect(undo).not.toBeNull();
  expect(cure()).toBeNull();
  try {
    await body();
  } finally {
    undo!();
  }
}

describe('gather on wasm', () => {
  const table = () => tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
  const gradient = () =>
    tf.grad((x) =>
      tf
        .gather(x, [2, 0, 2])
        .mul(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]))
        .sum(),
    )(table());

  it('has no gradient without the cure', () => {
    expect(gradient).toThrow(/UnsortedSegmentSum/);
  });

  it('has the right gradient with it, repeated rows added up', async () => {
    await withCure(cureWasmSegmentSum, async () => {
      expect(await values(gradient())).toEqual([3, 4, 0, 0, 6, 8]);
    });
    expect(gradient).toThrow(/UnsortedSegmentSum/);
  });

  it('works along another axis, for a vector, for int32, and ignores ids outside', async () => {
    await withCure(cureWasmSegmentSum, async () => {
      const columns = tf.grad((x) => tf.gather(x, [1, 1], 1).sum())(table());
      expect(await values(columns)).toEqual([0, 2, 0, 2, 0, 2]);
      expect(await values(tf.unsortedSegmentSum(tf.tensor1d([1, 2, 4]), tf.tensor1d([0, -1, 9], 'int32'), 2))).toEqual([
        1, 0,
      ]);
      const whole = tf.unsortedSegmentSum(tf.tensor1d([7, 2], 'int32'), tf.tensor1d([1, 1], 'int32'), 2);
      expect([whole.dtype, await values(whole)]).toEqual(['int32', [0, 9]]);
      expect(() => tf.unsortedSegmentSum(tf.ones([3]), tf.tensor1d([0], 'int32'), 1)).toThrow(
        /segmentIds must be \[3\]/,
      );
    });
  });
});

describe('broadcast batches in matMul', () => {
  const a = () => tf.range(0, 24).reshape([2, 1, 3, 4]);
  const b = () => tf.range(0, 72).reshape([2, 3, 4, 3]);
  const expected = () => values(tf.matMul(a().tile([1, 3, 1, 1]), b()));

  it('are wrong on the stock kernel and right on ours', async () => {
    const truth = await expected();
    expect(await values(tf.matMul(a(), b()))).not.toEqual(truth);
    await withCure(cureWasmMatMul, async () => expect(await values(tf.matMul(a(), b()))).toEqual(truth));
  });

  it('have a gradient only with the cure', async () => {
    const gradient = () => tf.grad((x) => tf.matMul(tf.ones([5, 2, 3]), x).sum())(tf.ones([3, 4]));
    expect(gradient).toThrow(/does not match the shape/);
    await withCure(cureMatMulGradient, async () =>
      expect(await values(gradient())).toEqual(Array<number>(12).fill(10)),
    );
  });
});

describe('the wasm product', () => {
  it('may use one matrix under several shapes', async () => {
    await withCure(cureWasmMatMul, async () => {
      const matrix = tf.range(0, 24).reshape([4, 6]);
      const sums = async (rows: number) => values(tf.matMul(tf.ones([1, rows]), matrix.reshape([rows, 24 / rows])));
      expect(await sums(4)).toEqual([36, 40, 44, 48, 52, 56]);
      // The stock kernel overruns its memory here.
      expect(await sums(6)).toEqual([60, 66, 72, 78]);
      expect(await sums(2)).toEqual([12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34]);
      expect(await sums(4)).toEqual([36, 40, 44, 48, 52, 56]);
    });
  });

  it('uses the new values of a variable', async () => {
    await withCure(cureWasmMatMul, async () => {
      const variable = tf.variable(tf.ones([64, 64]));
      const row = () => values(tf.matMul(tf.ones([1, 64]), variable).slice([0, 0], [1, 2]));
      expect(await row()).toEqual([64, 64]);
      variable.assign(tf.fill([64, 64], 2));
      expect(await row()).toEqual([128, 128]);
    });
  });

  it('keeps the stock errors and empty results', async () => {
    await withCure(cureWasmMatMul, async () => {
      expect(() => tf.matMul(tf.ones([2, 3]), tf.ones([4, 2]))).toThrow(/inner shapes/);
      expect(() => tf.matMul(tf.ones([2, 2, 3]), tf.ones([3, 3, 2]))).toThrow(/broadcast/);
      expect(() => tf.matMul(tf.ones([2, 2], 'int32'), tf.ones([2, 2], 'int32'))).toThrow(/float32/);
      expect(tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 2])).shape).toEqual([0, 2]);
    });
  });

  it('leaves no tensor and no memory behind', async () => {
    await withCure(cureWasmMatMul, async () => {
      const [a, b] = [tf.ones([4, 32, 32]), tf.ones([4, 32, 32])];
      const backend = tf.backend() as unknown as { numDataIds(): number };
      const run = async () => {
        const product = tf.matMul(a, b, true, true);
        await product.data();
        product.dispose();
        return [tf.memory().numTensors, backend.numDataIds()];
      };
      const first = await run();
      for (let step = 0; step < 5; step++) expect(await run()).toEqual(first);
    });
  });
});

describe('a wasm product for which there is no memory', () => {
  it.each([1, 2, 3])('leaves none behind: allocation %i fails', async (failing) => {
    const backend = tf.backend() as unknown as WasmBackend & { numDataIds(): number };
    const [a, b] = [tf.ones([40, 30]), tf.ones([50, 40])];
    await withCure(cureWasmMatMul, async () => {
      const before = backend.numDataIds();
      withFailingAllocation(backend, failing, () =>
        expect(() => tf.matMul(a, b, true, true)).toThrow(expect.objectContaining({ code: 'BACKEND_OUT_OF_MEMORY' })),
      );
      expect(backend.numDataIds()).toBe(before);
      expect((await values(tf.matMul(a, b, true, true)))[0]).toBe(40);
    });
  });
});

describe('memory on wasm', () => {
  /** As large as a tensor can be; never written to, so that it costs no memory of the machine. */
  const large = [2 ** 28 - 1];
  const allocate = () => (tf.backend() as unknown as WasmBackend).makeOutput(large, 'float32');

  it('that runs out is an error, after which the backend works on', async () => {
    await withCure(cureWasmMemory, async () => {
      const taken: tf.TensorInfo[] = [];
      const fill = () => {
        for (let i = 0; i < 5; i++) taken.push(allocate());
      };
      expect(fill).toThrow(expect.objectContaining({ code: 'BACKEND_OUT_OF_MEMORY' }));
      expect(taken.length).toBeLessThan(4);
      for (const { dataId } of taken) tf.backend().disposeData(dataId);
      expect(await values(tf.add([1, 2], [3, 4]))).toEqual([4, 6]);
    });
  });

  it('has the address 0 without the cure', () => {
    const backend = tf.backend() as unknown as WasmBackend;
    const taken = Array.from({ length: 5 }, allocate);
    expect(taken.some(({ dataId }) => backend.dataIdMap.get(dataId).memoryOffset === 0)).toBe(true);
  });
});
