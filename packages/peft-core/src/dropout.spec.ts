import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { dropout } from './dropout.js';
import { createStream, substream } from './random-stream.js';

const stream = createStream(1);
const ones = tf.ones([300, 101]);
const drop = async (rate: number, from = stream) => dropout(ones, rate, from).data();

describe('dropout', () => {
  it.each([0.1, 0.5, 0.9])('at rate %d zeroes that share and keeps the mean', async (rate) => {
    const values = Array.from(await drop(rate));
    expect(values.filter((x) => x === 0).length / values.length).toBeCloseTo(rate, 1);
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(1, 1);
    const kept = new Set(values.filter((x) => x !== 0));
    expect(kept.size).toBe(1);
    expect([...kept][0]! * (1 - rate)).toBeCloseTo(1, 3);
  });

  it('is the same for the same stream and another for another', async () => {
    expect(await drop(0.5)).toEqual(await drop(0.5, createStream(1)));
    expect(await drop(0.5)).not.toEqual(await drop(0.5, substream(stream, 'next')));
  });

  it('does nothing at rate 0, and lets gradients through where values are kept', async () => {
    expect(dropout(ones, 0, stream)).toBe(ones);
    const gradient = await tf
      .grad((x: tf.Tensor) => dropout(x, 0.5, stream).sum())(ones)
      .data();
    expect(gradient).toEqual(await drop(0.5));
  });
});
