import { PeftError } from '@tfjs-peft/peft-core';
import {
  CholeskyDecomposition,
  EigenvalueDecomposition,
  LuDecomposition,
  Matrix,
  SingularValueDecomposition,
} from 'ml-matrix';

// ml-matrix: double precision, plain JavaScript, no binary, maintained. Compared at 500 rows: mathjs solves by LU in 0.8 s where this takes 0.1 (no
// symmetric solver), numeric.js in 0.05 (no types, no release for ten years), @stdlib/lapack has none of the decompositions. 3,000 rows: Cholesky 14 s.

/** The largest system that is solved: the cost grows with the cube of it. */
export const largestSystem = 3000;

/** A square matrix, row-major. Errors: `KERNEL_MISSHAPEN`, `KERNEL_TOO_LARGE`, `KERNEL_NOT_FINITE`. */
export function squareMatrix(values: Float64Array, size: number): Matrix {
  if (values.length !== size * size || size === 0)
    throw new PeftError('KERNEL_MISSHAPEN', {
      found: `a kernel of ${values.length} numbers for ${size} targets`,
      expected: `${size * size} numbers, one target an output of each training text`,
      fix: 'pass the kernel of the training texts with themselves',
    });
  if (size > largestSystem)
    throw new PeftError('KERNEL_TOO_LARGE', {
      found: `a system of ${size} equations`,
      expected: `at most ${largestSystem}`,
      fix: 'take fewer training texts, or one output for two classes (`binaryContrast`)',
    });
  if (!values.every(Number.isFinite))
    throw new PeftError('KERNEL_NOT_FINITE', {
      found: 'a kernel with numbers that are NaN or infinite',
      expected: 'finite numbers',
      fix: 'compute the kernel again',
    });
  return Matrix.from1DArray(size, size, values);
}

const columnOf = (values: ArrayLike<number>): Matrix => Matrix.columnVector(Array.from(values));

/** Up to rounding. */
function isSymmetricMatrix(matrix: Matrix): boolean {
  const limit = 1e-9 * Math.max(matrix.max(), -matrix.min());
  for (let i = 0; i < matrix.rows; i++)
    for (let j = 0; j < i; j++) if (Math.abs(matrix.get(i, j) - matrix.get(j, i)) > limit) return false;
  return true;
}

/** The largest singular value, by powers of `AᵀA` from a fixed start. */
export function largestSingularValue(matrix: Matrix): number {
  const transposed = matrix.transpose();
  // No vector of eigenvectors of structured kernels is orthogonal to it.
  let vector = columnOf(Array.from({ length: matrix.columns }, (_, i) => 1 + Math.sin(i + 1) / 2));
  let value = 0;
  for (let step = 0; step < 2000; step++) {
    const norm = vector.norm('frobenius');
    if (norm === 0) return 0;
    vector = transposed.mmul(matrix.mmul(vector.div(norm)));
    const next = Math.sqrt(vector.norm('frobenius'));
    if (Math.abs(next - value) <= 1e-13 * next) return next;
    value = next;
  }
  return value;
}

/** All eigenvalues of a symmetric matrix `[size, size]`, largest first. Errors: those of {@link squareMatrix}. */
export function eigenvaluesOf(values: Float64Array, size: number): Float64Array {
  const found = new EigenvalueDecomposition(squareMatrix(values, size), { assumeSymmetric: true }).realEigenvalues;
  return Float64Array.from(found).sort().reverse();
}

/** From a right side to the solution. */
export type Solve = (right: Float64Array) => Float64Array;

/**
 * Solves a square system. Full rank: by Cholesky's factors if symmetric and positive, else by LU. Otherwise the solution of least norm among those of least
 * squares, with singular values below `eps · size` of the largest counted as 0, unless `required`: then `KERNEL_SINGULAR`.
 */
export function factorise(matrix: Matrix, required: boolean): Solve {
  const size = matrix.rows;
  const small = Number.EPSILON * size;
  // Pivots do not reveal the rank well: only what is far from singular is solved by them where a solution of least norm is wanted.
  const regular = required ? small : 1e-10;
  const symmetric = isSymmetricMatrix(matrix);
  if (symmetric) {
    const factors = new CholeskyDecomposition(matrix);
    const pivots = factors.lowerTriangularMatrix.diagonal();
    // Squared, pivots bound the condition.
    if (factors.isPositiveDefinite() && Math.min(...pivots) ** 2 > regular * Math.max(...pivots) ** 2)
      return (right) => Float64Array.from(factors.solve(columnOf(right)).to1DArray());
  }
  const lu = new LuDecomposition(matrix);
  const pivots = lu.upperTriangularMatrix.diagonal().map(Math.abs);
  if (Math.min(...pivots) > regular * Math.max(...pivots))
    return (right) => Float64Array.from(lu.solve(columnOf(right)).to1DArray());
  if (required)
    throw new PeftError('KERNEL_SINGULAR', {
      found: `a system of ${size} equations that is singular in double precision`,
      expected: 'a regular one',
      fix: 'add a ridge (0.001, say), remove texts that stand twice, or use least squares without one',
    });
  return symmetric ? leastNormSymmetric(matrix, small) : leastNorm(matrix, small);
}

function leastNormSymmetric(matrix: Matrix, small: number): Solve {
  const decomposition = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = decomposition;
  const least = small * Math.max(...values.map(Math.abs));
  return (right) => {
    const inside = vectors.transpose().mmul(columnOf(right)).to1DArray();
    const divided = inside.map((value, i) => (Math.abs(values[i]!) > least ? value / values[i]! : 0));
    return Float64Array.from(vectors.mmul(columnOf(divided)).to1DArray());
  };
}

function leastNorm(matrix: Matrix, small: number): Solve {
  const {
    leftSingularVectors: left,
    rightSingularVectors: rightVectors,
    diagonal,
  } = new SingularValueDecomposition(matrix, {
    autoTranspose: true,
  });
  const least = small * Math.max(...diagonal);
  return (right) => {
    const inside = left.transpose().mmul(columnOf(right)).to1DArray();
    const divided = inside.map((value, i) => (diagonal[i]! > least ? value / diagonal[i]! : 0));
    return Float64Array.from(rightVectors.mmul(columnOf(divided)).to1DArray());
  };
}
