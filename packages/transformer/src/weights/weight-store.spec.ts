import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { testBackendName, useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { frozenAffine } from '../kernels/frozen-affine.js';
import type { LoadedTensor } from './read-weights.js';
import { uploadWeights } from './weight-store.js';

const report = useTestBackend();
// The other backends compute with the arrays themselves.
const whereCopied = ['tensorflow', 'wasm'].includes(testBackendName) ? it : it.skip;

const names = ['query', 'key', 'value', 'output'];
const layer = { attention: 'attention', projections: names.slice(0, 3).map((path) => ({ path })) };
const size = 64;

/** A store, and its weights as long as somebody holds them. */
function someStore() {
  const tensors = new Map<string, LoadedTensor>(
    names.flatMap((name, index) => [
      [`${name}.weight`, { shape: [size, size], data: new Float32Array(size * size).fill(index + 1) }] as const,
      [`${name}.bias`, { shape: [size], data: new Float32Array(size).fill(index) }] as const,
    ]),
  );
  const upload = uploadWeights([layer as never], 'tiny');
  for (const [path, tensor] of tensors) upload.take(path, tensor);
  return { store: upload.done(), held: [...tensors.values()].map(({ data }) => new WeakRef(data)) };
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    collect();
  }
}

describe('uploadWeights', () => {
  it('keeps maps of one input side by side, and cuts single ones out', async () => {
    const { store } = someStore();
    const joined = store.queryKeyValue(0);
    expect(joined.kernel.shape).toEqual([size, 3 * size]);
    expect([...new Set(await store.affine('key').kernel.data())]).toEqual([2]);
    expect(store.affine('output').bias!.shape).toEqual([size]);
    expect(() => store.tensor('outptu.weight')).toThrow(expect.objectContaining({ code: 'TENSOR_MISSING' }));
    store.dispose();
    expect(() => store.tensor('output.weight')).toThrow(expect.objectContaining({ code: 'HOST_DISPOSED' }));
  });

  it('lets a kernel go once it is packed, unless somebody has seen it, and gives it back', async () => {
    if (!report().fusedKernels?.active) return;
    const { store } = someStore();
    const x = tf.ones([2, size]);
    const use = () => {
      frozenAffine(x, store.affine('output'));
      frozenAffine(x, store.queryKeyValue(0));
    };
    const seen = store.tensor('output.weight');
    const before = tf.memory().numBytes;
    tf.tidy(use);
    // Both are packed; the joined kernel is no longer there as it was.
    expect(tf.memory().numBytes - before).toBe(4 * size * size);
    expect(store.tensor('output.weight')).toBe(seen);
    expect([...new Set(await seen.data())]).toEqual([4]);
    expect([...new Set(await store.tensor('key.weight').data())]).toEqual([2]);
    const numbers = tf.memory().numBytes;
    tf.tidy(use);
    expect(tf.memory().numBytes).toBe(numbers);
    x.dispose();
    store.dispose();
    expect(tf.memory().numBytes).toBe(0);
  });

  whereCopied('holds no second copy of what the backend has', async () => {
    const { store, held } = someStore();
    const paths = [...names.slice(3).flatMap((name) => [`${name}.weight`, `${name}.bias`])];
    // TensorFlow takes a tensor over when it is first computed with.
    tf.tidy(() => {
      for (const path of paths) store.tensor(path).square();
      store.queryKeyValue(0).kernel.square();
    });
    await collectGarbage();
    expect(held.filter((array) => array.deref())).toEqual([]);
    store.dispose();
  });
});
