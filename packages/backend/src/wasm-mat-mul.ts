import * as tf from '@tensorflow/tfjs';
import { itemOffsets } from './broadcast-batches.js';
import { replaceKernel } from './replace-kernel.js';
import type { WasmBackend, WasmKernel } from './wasm-backend.js';

/** Below this many multiplications per matrix, a call costs more than the plain loop. */
const SMALL = 2048;

type Multiply = (a: number, aShape: Uint8Array, b: number, bShape: Uint8Array, out: number) => void;

/** One binding of the C++ function per backend instance. */
const bindings = new WeakMap<WasmBackend, Multiply>();

/** For what shape the C++ side has packed a matrix: it remembers packed matrices by id alone, and a reshaped one would overrun them. */
const packedShapes = new WeakMap<object, string>();

/**
 * Replaces the wasm kernel of `tf.matMul`. Its C++ code reaches the fast library (XNNPACK) only for one pair of matrices without transpose
 * flags; with a flag or in a batch it falls into a plain loop that is 5 to 15 times slower, and that is every gradient and every attention
 * score. Here flags become real transpositions, a batch becomes views into the same memory that are multiplied one by one, and a batch times
 * one shared matrix becomes one product. Batch axes broadcast as in NumPy (the stock kernel computes wrong values unless one factor's
 * batch axes are the other's last ones), and a matrix that is used again under another shape no longer overruns memory.
 *
 * @returns a function that puts the stock kernel back, or null if the cure was in place already
 */
export function cureWasmMatMul(): (() => void) | null {
  const transpose = tf.getKernel('Transpose', 'wasm').kernelFunc as unknown as WasmKernel;
  return replaceKernel('BatchMatMul', 'wasm', (stock): WasmKernel => (call) => {
    const { backend } = call;
    const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean };
    if (!isOurs(a, b, transposeA, transposeB)) return stock(call);
    const copies: tf.TensorInfo[] = [];
    const factor = (x: tf.TensorInfo, isTransposed: boolean) => {
      if (!isTransposed) return x;
      const copy = transposed(x, backend, transpose);
      copies.push(copy);
      return copy;
    };
    try {
      return multiplyBatches(factor(a, transposeA), factor(b, transposeB), backend);
    } finally {
      for (const { dataId } of copies) backend.disposeData(dataId);
    }
  });
}

/** The stock kernel keeps what it does well: error messages, empty tensors, batches of tiny matrices. */
function isOurs(a: tf.TensorInfo, b: tf.TensorInfo, transposeA: boolean, transposeB: boolean): boolean {
  if (a.dtype !== 'float32' || b.dtype !== 'float32') return false;
  const [rows, inner] = lastTwo(a, transposeA);
  const [innerB, columns] = lastTwo(b, transposeB);
  const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (inner !== innerB || tf.util.sizeFromShape(a.shape) * tf.util.sizeFromShape(b.shape) === 0) return false;
  const isLoop = tf.util.arraysEqual(aBatch, bBatch) && tf.util.sizeFromShape(bBatch) > 1;
  return !isLoop || rows * inner * columns >= SMALL;
}

function lastTwo({ shape }: tf.TensorInfo, flipped: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return flipped ? [columns, rows] : [rows, columns];
}

function transposed(x: tf.TensorInfo, backend: WasmBackend, transpose: WasmKernel): tf.TensorInfo {
  const rank = x.shape.length;
  const perm = x.shape.map((_, axis) => axis);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return transpose({ inputs: { x }, attrs: { perm }, backend });
}

function multiplyBatches(a: tf.TensorInfo, b: tf.TensorInfo, backend: WasmBackend): tf.TensorInfo {
  const [rows, inner] = lastTwo(a, false);
  const [, columns] = lastTwo(b, false);
  const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const out = backend.makeOutput([...batch, rows, columns], 'float32');
  const [aData, bData, outData] = [a, b, out].map(({ dataId }) => backend.dataIdMap.get(dataId)) as [Data, Data, Data];
  const multiply = binding(backend);
  const bShape = bytes([1, inner, columns]);
  const items = tf.util.sizeFromShape(batch);
  const shared = tf.util.sizeFromShape(bBatch) === 1;
  if (shared && mayUsePacked(b, inner, columns)) {
    const allRows = tf.util.sizeFromShape(aBatch) * rows;
    multiply(aData.id, bytes([1, allRows, inner]), bData.id, bShape, outData.id);
    return out;
  }
  const aShape = bytes([1, rows, inner]);
  const aItems = itemOffsets(aBatch, batch);
  const bItems = itemOffsets(bBatch, batch);
  // Views: ids that stand for a part of a tensor's memory while one product runs.
  const { registerTensor, disposeData } = backend.wasm.tfjs;
  const [aView, bView, outView] = [backend.dataIdNextNumber++, backend.dataIdNextNumber++, backend.dataIdNextNumber++];
  for (let item = 0; item < items; item++) {
    registerTensor(aView, rows * inner, aData.memoryOffset + 4 * rows * inner * aItems[item]!);
    registerTensor(bView, inner * columns, bData.memoryOffset + 4 * inner * columns * bItems[item]!);
    registerTensor(outView, rows * columns, outData.memoryOffset + 4 * rows * columns * item);
    multiply(aView, aShape, bView, bShape, outView);
    disposeData(aView);
    // Also frees what was packed for this item.
    disposeData(bView);
    disposeData(outView);
  }
  return out;
}

type Data = ReturnType<WasmBackend['dataIdMap']['get']>;

/** True if the C++ side has this matrix packed for this very shape, or not at all. */
function mayUsePacked({ dataId }: tf.TensorInfo, inner: number, columns: number): boolean {
  const shape = `${inner}x${columns}`;
  const packed = packedShapes.get(dataId);
  if (packed === undefined) packedShapes.set(dataId, shape);
  return packed === undefined || packed === shape;
}

function binding(backend: WasmBackend): Multiply {
  const known = bindings.get(backend);
  if (known) return known;
  const shape = ['number', 'array', 'number'];
  const raw = backend.wasm.cwrap('BatchMatMul', null, [...shape, ...shape, 'number', 'number', 'number']);
  const multiply: Multiply = (a, aShape, b, bShape, out) => raw(a, aShape, 3, b, bShape, 3, 0, 0, out);
  bindings.set(backend, multiply);
  return multiply;
}

const bytes = (shape: readonly number[]): Uint8Array => new Uint8Array(new Int32Array(shape).buffer);
