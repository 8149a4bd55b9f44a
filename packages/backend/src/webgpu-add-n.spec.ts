import { describe, expect, it } from '@jest/globals';
import type * as tf from '@tensorflow/tfjs';
import { addInGroups } from './webgpu-add-n.js';

type Call = Parameters<Parameters<typeof addInGroups>[0]>[0];

/** A backend whose data are numbers, with a stock kernel as narrow as a graphics device. */
function narrowBackend(limit: number) {
  const data = new Map<object, number>();
  const calls: number[] = [];
  const info = (value: number): tf.TensorInfo => {
    const dataId = {};
    data.set(dataId, value);
    return { dataId, shape: [], dtype: 'float32' };
  };
  const backend: Call['backend'] = {
    device: { limits: { maxStorageBuffersPerShaderStage: limit } },
    disposeData: (dataId) => data.delete(dataId),
  };
  const stock = ({ inputs }: Call) => {
    calls.push(inputs.length);
    return info(inputs.reduce((sum, { dataId }) => sum + data.get(dataId)!, 0));
  };
  return { data, calls, info, backend, stock };
}

describe('addInGroups', () => {
  it.each([
    [1, [1]],
    [7, [7]],
    [8, [7, 2]],
    [13, [7, 7]],
    [14, [7, 7, 2]],
    [40, [7, 7, 7, 7, 7, 7, 4]],
  ])('adds %i terms with at most seven a call and keeps no partial sum', (count, groups) => {
    const { data, calls, info, backend, stock } = narrowBackend(8);
    const inputs = Array.from({ length: count }, (_, i) => info(2 ** i));
    const { dataId } = addInGroups(stock)({ inputs, backend });
    expect(data.get(dataId)).toBe(2 ** count - 1);
    expect(calls).toEqual(groups);
    expect(data.size).toBe(count + 1);
  });
});
