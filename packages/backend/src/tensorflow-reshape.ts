import * as tf from '@tensorflow/tfjs';
import { replaceKernel } from './replace-kernel.js';

/** The part of tfjs-node's backend that this needs. */
interface NativeBackend {
  readonly binding: Readonly<Record<'TF_ATTR_TYPE' | 'TF_INT32', number>>;
  getDTypeInteger(dtype: tf.DataType): number;
  incRef(id: object): void;
  write(values: Int32Array, shape: number[], dtype: tf.DataType): object;
  disposeData(id: object): void;
  executeSingleOutput(name: string, attributes: readonly object[], inputs: readonly tf.TensorInfo[]): tf.TensorInfo;
}

interface ReshapeCall {
  readonly inputs: { readonly x: tf.TensorInfo };
  readonly attrs: { readonly shape: number[] };
  readonly backend: unknown;
}

/** Shapes that are kept on the native side; a training run has some dozens, and the oldest goes first. */
const MOST_SHAPES = 512;

/**
 * TensorFlow takes the shape of a reshape as a tensor, which tfjs-node makes and frees at every call. Here each shape is made once, and a reshape
 * to the same shape is none. The values are never touched.
 *
 * @returns puts the stock kernel back, or null if it was replaced already
 */
export function keepReshapeShapes(): (() => void) | null {
  const kept = new Map<string, tf.TensorInfo>();
  let owner: NativeBackend | undefined;
  const shapeOf = (shape: number[], backend: NativeBackend): tf.TensorInfo => {
    if (owner !== backend) kept.clear();
    owner = backend;
    const key = shape.join();
    const known = kept.get(key);
    if (known) return known;
    if (kept.size >= MOST_SHAPES) {
      const [oldest, info] = kept.entries().next().value!;
      backend.disposeData(info.dataId);
      kept.delete(oldest);
    }
    const made: tf.TensorInfo = {
      dataId: backend.write(Int32Array.from(shape), [shape.length], 'int32'),
      shape: [shape.length],
      dtype: 'int32',
    };
    kept.set(key, made);
    return made;
  };
  return replaceKernel('Reshape', 'tensorflow', () => (call: ReshapeCall): tf.TensorInfo => {
    const { x } = call.inputs;
    const { shape } = call.attrs;
    const backend = call.backend as NativeBackend;
    if (tf.util.arraysEqual(x.shape, shape)) {
      backend.incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    }
    const { TF_ATTR_TYPE: type, TF_INT32: int32 } = backend.binding;
    const attributes = [
      { name: 'T', type, value: backend.getDTypeInteger(x.dtype) },
      { name: 'Tshape', type, value: int32 },
    ];
    return backend.executeSingleOutput('Reshape', attributes, [x, shapeOf(shape, backend)]);
  });
}
