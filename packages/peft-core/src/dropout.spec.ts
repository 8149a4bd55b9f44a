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

  it('keeps its masks over versions, whatever the size', async () => {
    // By the generator written out another way (a function for each word, a comparison for each element).
    const zeros = [3, 5, 6, 12, 19, 23, 24, 26, 28, 30, 35];
    for (const size of [1, 2, 35, 36]) {
      const mask = await dropout(tf.ones([size]), 0.3, stream).data();
      expect(mask.length).toBe(size);
      expect([...mask.keys()].filter((at) => mask[at] === 0)).toEqual(zeros.filter((at) => at < size));
    }
  });

  it('does nothing at rate 0, and lets gradients through where values are kept', async () => {
    expect(dropout(ones, 0, stream)).toBe(ones);
    const gradient = await tf
      .grad((x: tf.Tensor) => dropout(x, 0.5, stream).sum())(ones)
      .data();
    expect(gradient).toEqual(await drop(0.5));
  });
});
