import { PeftError } from '../errors.js';
import { narrowBF16, narrowF16 } from './half-floats.js';

/** How each of the two kinds of halves is made, its infinity, and the size from which numbers become infinite. */
const halves = {
  F16: { narrow: narrowF16, infinity: 0x7c00, limit: '65520' },
  BF16: { narrow: narrowBF16, infinity: 0x7f80, limit: '3.396e38' },
} as const;

/**
 * float32 to halves for a file, rounded to nearest, ties to even; numbers that are infinite or NaN already stay so. `name` is that of the tensor.
 * Errors: `TENSOR_NOT_NARROWABLE` for a finite number that would become infinite.
 */
export function narrowChecked(dtype: 'F16' | 'BF16', data: Float32Array, name: string): Uint16Array {
  const { narrow, infinity, limit } = halves[dtype];
  const words = narrow(data);
  const lost = words.findIndex((word, i) => (word & 0x7fff) === infinity && Number.isFinite(data[i]));
  if (lost < 0) return words;
  throw new PeftError('TENSOR_NOT_NARROWABLE', {
    found: `tensor "${name}" holds ${data[lost]}, which is beyond the range of ${dtype}`,
    expected: `numbers below ${limit} in size`,
    fix: 'write it as F32',
  });
}
