// Own code: ml-matrix 6.15 throws for the QR of a matrix that is wider than tall, and with its SVD adds 18 kB (gzip) to a page.
import { type Matrix, matrix, norm, transpose } from './matrix.js';

/**
 * `a = q · r` by Householder reflections (Golub and Van Loan, Matrix Computations, section 5.2): for a `[m, n]` with k = min(m, n), q `[m, k]` has
 * orthonormal columns, also where a has dependent ones, and r `[k, n]` is zero below its diagonal.
 */
export function thinQr(a: Matrix): { readonly q: Matrix; readonly r: Matrix } {
  const { rows: m, columns: n } = a;
  const k = Math.min(m, n);
  // Columns are contiguous in the transpose: all inner loops run along them.
  const work = transpose(a).data;
  const column = (j: number) => work.subarray(j * m, (j + 1) * m);
  const reflectors: Float64Array[] = [];
  for (let j = 0; j < k; j++) {
    const reflector = householder(column(j), j);
    reflectors.push(reflector);
    for (let other = j; other < n; other++) reflect(reflector, j, column(other));
  }
  const r = matrix(k, n);
  for (let i = 0; i < k; i++) for (let j = i; j < n; j++) r.data[i * n + j] = work[j * m + i]!;
  // q is what the reflections, last first, make of the first k unit vectors.
  const columnsOfQ = matrix(k, m);
  for (let j = 0; j < k; j++) {
    const unit = columnsOfQ.data.subarray(j * m, (j + 1) * m);
    unit[j] = 1;
    for (let i = k - 1; i >= 0; i--) reflect(reflectors[i]!, i, unit);
  }
  return { q: transpose(columnsOfQ), r };
}

/** The unit vector v, from entry `start` on, whose reflection makes all entries of x behind `start` zero; zero if x is. */
function householder(x: Float64Array, start: number): Float64Array {
  const v = x.slice(start);
  const length = norm(v);
  if (length === 0) return v;
  v[0]! += v[0]! >= 0 ? length : -length;
  const whole = norm(v);
  return v.map((value) => value / whole);
}

/** `x -= 2 v (vᵀ x)` on the entries from `start` on. */
function reflect(v: Float64Array, start: number, x: Float64Array): void {
  let product = 0;
  for (let i = 0; i < v.length; i++) product += v[i]! * x[start + i]!;
  if (product === 0) return;
  for (let i = 0; i < v.length; i++) x[start + i]! -= 2 * product * v[i]!;
}
