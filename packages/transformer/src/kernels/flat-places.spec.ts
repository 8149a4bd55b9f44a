import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { rowsAndColumns } from './flat-places.js';

useTestBackend();

describe('rows and columns of flat indices', () => {
  it.each([
    [768, 30521],
    [896, 151935],
    [2048, 128255],
  ])('are exact for matrices of %d columns whose last row is %d', async (width, last) => {
    const rows = [0, 1, Math.floor(last / 3), Math.floor(0.72 * last), last - 1, last];
    const places = rows.flatMap((row) => [0, 1, width - 2, width - 1].map((column) => [row, column] as const));
    const indices = tf.tensor1d(
      places.map(([row, column]) => row * width + column),
      'int32',
    );
    const found = tf.tidy(() => ({ ...rowsAndColumns(indices, width) }));
    expect([...(await found.rows.data())]).toEqual(places.map(([row]) => row));
    expect([...(await found.columns.data())]).toEqual(places.map(([, column]) => column));
    tf.dispose([indices, found.rows, found.columns]);
  });
});
