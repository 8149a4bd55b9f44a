import { PeftError } from '@tfjs-peft/peft-core';
import { Matrix } from 'ml-matrix';
import { factorise, largestSingularValue, type Solve, squareMatrix } from './linear-algebra.js';

/** What a kernel regression learns from. n is the number of training texts times outputs. */
export interface RegressionOptions {
  /** Kernel of the training texts, `[n, n]`; a text's outputs stand together. */
  readonly kernel: Float64Array;
  /** `[n]` */
  readonly targets: ArrayLike<number>;
  /** The outputs f0 of the model before training, `[n]`; none if absent. */
  readonly outputs?: ArrayLike<number>;
  /** The scale s of the targets: `y - f0 / s` is fitted. `Infinity` leaves f0 out; 1 if absent. */
  readonly outputScale?: number;
  /** What is added to the diagonal, in parts of the largest singular value; 0 if absent. */
  readonly ridge?: number;
}

/** Values for other texts. */
export interface Regression {
  /**
   * From the kernel of the training texts with others, `[n, m]`, and f0 of these, `[m]`, to their values `[m]`. `flipped`, for the asymmetric solver, is the
   * kernel with the sign on the other side, of the same shape. Errors: `KERNEL_MISSHAPEN`.
   */
  predict(across: Float64Array, outputs?: ArrayLike<number>, flipped?: Float64Array): Float64Array;
}

/**
 * Least squares of least norm, or ridge regression: `Kᵀ α = y - f0/s`, values `acrossᵀ α + f0/s`. For a kernel with the sign on the side of the training
 * texts that is the regression which sign descent follows; for symmetric kernels it is the usual one.
 * Errors: `KERNEL_MISSHAPEN`, `KERNEL_TOO_LARGE`, `KERNEL_NOT_FINITE`, `KERNEL_SINGULAR` (with a ridge), `OPTION_INVALID`.
 */
export const kernelRegression = (options: RegressionOptions): Regression =>
  regressionsOf(options.kernel, options.targets.length, options.ridge)(options);

/** Regressions on one kernel with one ridge: the system is factorised once. */
export function regressionsOf(kernel: Float64Array, size: number, ridge = 0) {
  requireNumber('ridge', ridge, ridge >= 0 && ridge < Infinity, 'a number from 0');
  const matrix = squareMatrix(kernel, size).transpose();
  const added = ridge === 0 ? matrix : Matrix.add(matrix, Matrix.eye(size).mul(ridge * largestSingularValue(matrix)));
  const solve: Solve = factorise(added, ridge > 0);
  return ({ targets, outputs, outputScale = 1 }: Omit<RegressionOptions, 'kernel' | 'ridge'>): Regression => {
    requireScale(outputScale);
    const coefficients = solve(residuals(targets, outputs, outputScale));
    return {
      predict: (across, others) => addOutputs(timesTransposed(across, coefficients), others, outputScale),
    };
  };
}

/** What the asymmetric solver learns from. */
export interface AsymmetricOptions extends RegressionOptions {
  /** Inverse strength of the penalty on slack; 1 if absent. */
  readonly gamma?: number;
  /** Part of the values that comes from the kernel's own side, in [0, 1]; 0.5 if absent. */
  readonly mixture?: number;
}

/**
 * The least-squares support vector machine for asymmetric kernels, without bias, for real targets r = y - f0/s: `[[I/γ, K], [Kᵀ, I/γ]] [a; b] = [r; r]`,
 * values `λ acrossᵀ a + (1 - λ) flippedᵀ b + f0/s`. The system of Malladi et al.'s code, mended so that it interpolates r and not 1/r as γ grows.
 * One output a text. Errors: those of {@link kernelRegression}; `KERNEL_SINGULAR`; `OPTION_INVALID`.
 */
export function asymmetricMachine(options: AsymmetricOptions): Regression {
  const { kernel, targets, outputs, outputScale = 1, ridge = 0, gamma = 1, mixture = 0.5 } = options;
  requireScale(outputScale);
  requireNumber('gamma', gamma, gamma > 0, 'a number above 0');
  requireNumber('mixture', mixture, mixture >= 0 && mixture <= 1, 'a number from 0 to 1');
  requireNumber('ridge', ridge, ridge >= 0 && ridge < Infinity, 'a number from 0');
  const n = targets.length;
  const plain = squareMatrix(kernel, n);
  const own = ridge === 0 ? plain : Matrix.add(plain, Matrix.eye(n).mul(ridge * largestSingularValue(plain)));
  const system = Matrix.zeros(2 * n, 2 * n);
  system.setSubMatrix(own, 0, n);
  system.setSubMatrix(own.transpose(), n, 0);
  for (let i = 0; i < 2 * n; i++) system.set(i, i, 1 / gamma);
  const r = residuals(targets, outputs, outputScale);
  const solution = factorise(system, true)(Float64Array.from([...r, ...r]));
  const [a, b] = [solution.slice(0, n), solution.slice(n)];
  return {
    predict(across, others, flipped = across) {
      const [first, second] = [timesTransposed(across, a), timesTransposed(flipped, b)];
      const mixed = first.map((value, i) => mixture * value + (1 - mixture) * second[i]!);
      return addOutputs(mixed, others, outputScale);
    },
  };
}

const residuals = (targets: ArrayLike<number>, outputs: ArrayLike<number> | undefined, scale: number): Float64Array => {
  if (outputs && outputs.length !== targets.length)
    throw misshapen(`${outputs.length} outputs for ${targets.length} targets`, `${targets.length} of each`);
  return Float64Array.from(targets, (target, i) => target - (outputs ? outputs[i]! / scale : 0));
};

function addOutputs(values: Float64Array, outputs: ArrayLike<number> | undefined, scale: number): Float64Array {
  if (!outputs) return values;
  if (outputs.length !== values.length)
    throw misshapen(`${outputs.length} outputs for ${values.length} values`, `${values.length} of each`);
  return values.map((value, i) => value + outputs[i]! / scale);
}

/** `acrossᵀ · coefficients` for across `[n, m]`. */
function timesTransposed(across: Float64Array, coefficients: Float64Array): Float64Array {
  const m = across.length / coefficients.length;
  if (!Number.isInteger(m))
    throw misshapen(
      `a kernel of ${across.length} numbers for ${coefficients.length} training rows`,
      `a multiple of ${coefficients.length}`,
    );
  const values = new Float64Array(m);
  coefficients.forEach((coefficient, i) => {
    for (let j = 0; j < m; j++) values[j]! += coefficient * across[i * m + j]!;
  });
  return values;
}

const requireScale = (scale: number) => requireNumber('outputScale', scale, scale > 0, 'a number above 0, or Infinity');

function requireNumber(name: string, value: number, valid: boolean, expected: string): void {
  if (!valid) throw new PeftError('OPTION_INVALID', { found: `${name} ${value}`, expected });
}

const misshapen = (found: string, expected: string) =>
  new PeftError('KERNEL_MISSHAPEN', { found, expected, fix: 'pass kernel, targets and outputs of the same texts' });
