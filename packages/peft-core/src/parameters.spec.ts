import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { peftErrorOf } from '../test/bad-files.js';
import {
  disposeParameters,
  getParameter,
  type NamedArrays,
  namespaceOf,
  readParameters,
  selectNamespaces,
  toParameters,
} from './parameters.js';

const arrays: NamedArrays = new Map([
  ['a.x', { shape: [2, 1], data: new Float32Array([1, 2]) }],
  ['ab.y', { shape: [], data: new Float32Array([3]) }],
  ['a.z.w', { shape: [0, 3], data: new Float32Array(0) }],
]);

describe('parameters', () => {
  it('go to tensors and back with names, order, shapes and bits', async () => {
    const before = tf.memory().numTensors;
    const parameters = toParameters(arrays);
    const back = await readParameters(parameters);
    expect([...back]).toEqual([...arrays]);
    disposeParameters(parameters);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are found by name, or the error lists what there is', async () => {
    const parameters = toParameters(arrays);
    expect(getParameter(parameters, 'a.x').shape).toEqual([2, 1]);
    const error = await peftErrorOf(() => getParameter(parameters, 'a.y'));
    expect(error.code).toBe('PARAMETER_MISSING');
    expect(error.message).toMatch(/"a\.y" among a\.x, ab\.y, a\.z\.w/);
    expect((await peftErrorOf(() => getParameter(new Map(), 'a'))).message).toContain('none at all');
    disposeParameters(parameters);
  });

  it('are selected by their namespace, which is the whole first segment', () => {
    const parameters = toParameters(arrays);
    expect([...selectNamespaces(parameters, ['a']).keys()]).toEqual(['a.x', 'a.z.w']);
    expect([...selectNamespaces(parameters, ['ab', 'a']).keys()]).toEqual(['a.x', 'ab.y', 'a.z.w']);
    expect(selectNamespaces(parameters, []).size).toBe(0);
    expect([namespaceOf('a.b.c'), namespaceOf('plain'), namespaceOf('')]).toEqual(['a', 'plain', '']);
    disposeParameters(parameters);
  });
});
