import { firstColumns, type Matrix, matrix, multiply, norm, transpose } from './matrix.js';
import { thinQr } from './thin-qr.js';

/** `a = left · rightᵀ` with orthonormal columns in `right` and, in `left`, the left singular vectors times the singular values, largest first. */
export interface SingularFactors {
  /** `[m, k]` */
  readonly left: Matrix;
  /** `[n, k]` */
  readonly right: Matrix;
  /** Descending, `[k]`. */
  readonly values: readonly number[];
}

const maxSweeps = 60;

/**
 * The singular value decomposition by one-sided Jacobi rotations (Hestenes; Golub and Van Loan, section 8.6.3). For a `[m, n]`, k = min(m, n).
 * QR steps first make the matrix square and lower triangular, which saves sweeps (Drmač and Veselić 2008). Accurate and simple; its cost, some
 * ten sweeps of 6k³ multiplications, is fine for the sums of ranks it is meant for and takes seconds for k in the hundreds.
 */
export function singularFactors(a: Matrix): SingularFactors {
  if (a.rows >= a.columns) {
    const { q, r } = thinQr(a);
    const { left, right, values } = factorsOfWide(r);
    return { left: multiply(q, left), right, values };
  }
  return factorsOfWide(a);
}

/** aᵀ = q r, so that a = rᵀ qᵀ: the rotations act on the lower triangle rᵀ. */
function factorsOfWide(a: Matrix): SingularFactors {
  const { q, r } = thinQr(transpose(a));
  const { left, right, values } = rotate(transpose(r));
  return { left, right: multiply(q, right), values };
}

/** The best approximation of a given rank (Eckart and Young), the rank bounded by both sizes. */
export function truncate({ left, right, values }: SingularFactors, rank: number): SingularFactors {
  const kept = Math.min(rank, values.length);
  return { left: firstColumns(left, kept), right: firstColumns(right, kept), values: values.slice(0, kept) };
}

/** Rotates pairs of columns of a square matrix until all are orthogonal; the same rotations of the identity give `right`. */
function rotate(square: Matrix): SingularFactors {
  const n = square.columns;
  const columns = columnsOf(square);
  const rotations = columnsOf(identity(n));
  for (let sweep = 0; sweep < maxSweeps; sweep++) if (!sweepPairs(columns, rotations)) break;
  const values = columns.map(norm);
  const order = values.map((_, index) => index).sort((x, y) => values[y]! - values[x]!);
  return {
    left: ofColumns(order.map((index) => columns[index]!)),
    right: ofColumns(order.map((index) => rotations[index]!)),
    values: order.map((index) => values[index]!),
  };
}

/** True if any pair of columns was still to be rotated. */
function sweepPairs(columns: readonly Float64Array[], rotations: readonly Float64Array[]): boolean {
  // What a scalar product of unit vectors of this length can be by rounding alone.
  const tolerance = Number.EPSILON * Math.max(8, columns.length);
  let rotated = false;
  for (let p = 0; p < columns.length; p++)
    for (let q = p + 1; q < columns.length; q++) {
      const x = columns[p]!;
      const y = columns[q]!;
      let xx = 0;
      let yy = 0;
      let xy = 0;
      for (let i = 0; i < x.length; i++) {
        xx += x[i]! * x[i]!;
        yy += y[i]! * y[i]!;
        xy += x[i]! * y[i]!;
      }
      if (xy === 0 || Math.abs(xy) <= tolerance * Math.sqrt(xx * yy)) continue;
      rotated = true;
      const zeta = (yy - xx) / (2 * xy);
      const tangent = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
      const cosine = 1 / Math.hypot(1, tangent);
      turn(x, y, cosine, cosine * tangent);
      turn(rotations[p]!, rotations[q]!, cosine, cosine * tangent);
    }
  return rotated;
}

function turn(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < x.length; i++) {
    const a = x[i]!;
    const b = y[i]!;
    x[i] = cosine * a - sine * b;
    y[i] = sine * a + cosine * b;
  }
}

function columnsOf(a: Matrix): Float64Array[] {
  const { data } = transpose(a);
  return Array.from({ length: a.columns }, (_, j) => data.slice(j * a.rows, (j + 1) * a.rows));
}

function ofColumns(columns: readonly Float64Array[]): Matrix {
  const out = matrix(columns.length, columns[0]?.length ?? 0);
  columns.forEach((column, j) => out.data.set(column, j * out.columns));
  return transpose(out);
}

function identity(n: number): Matrix {
  const out = matrix(n, n);
  for (let i = 0; i < n; i++) out.data[i * n + i] = 1;
  return out;
}
