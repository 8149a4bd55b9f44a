import { PeftError } from '@tfjs-peft/peft-core';
import { minimise } from './minimise.js';

/** What a linear model learns from. */
export interface LinearFitOptions {
  /** `[labels.length, d]`, row-major. */
  readonly features: Float32Array;
  /** Class indices, or numbers for a regression. */
  readonly labels: readonly number[];
  /** Default `classification`. */
  readonly task?: 'classification' | 'regression';
  /** Columns of the logits of a classification; default the largest label + 1. */
  readonly labelCount?: number;
  /** Inverse strength of the L2 penalty on the coefficients (not on the intercepts), as scikit-learn's C and 1 / alpha. Default 1. */
  readonly inverseStrength?: number;
  /** Features are brought to mean 0 and deviation 1 first; the penalty acts on coefficients of those. Default true. */
  readonly standardise?: boolean;
}

export interface LinearProbeOptions extends LinearFitOptions {
  /** `[tests, d]`, row-major. */
  readonly testFeatures: Float32Array;
}

/** An affine map of features to logits. */
export interface LinearModel {
  /** `[columns, d]`, row-major; zeros for a class without examples, and for the first of two classes. */
  readonly weight: Float64Array;
  /** `[columns]`; -1e9 for a class without examples. */
  readonly bias: Float64Array;
  /** Classes, or 1 for a regression. */
  readonly columns: number;
}

/** What a linear model on frozen features says of the test texts. */
export interface LinearProbe {
  /** `[tests, columns]`, row-major. A class that has no training example gets -1e9. */
  readonly logits: Float32Array;
  /** Columns of the logits: classes, or 1 for a regression. */
  readonly columns: number;
}

/**
 * A linear model fitted in closed form, so to say: L2 logistic regression (one weight vector for two classes, multinomial for more) or ridge
 * regression, to its one minimum in double precision. The same as scikit-learn's `LogisticRegression(C)` or `Ridge(alpha=1/C)`, after
 * `StandardScaler` if standardised; the scaler is folded into the weights, so that the result acts on the features as they are.
 * Errors: `FEATURES_MISSHAPEN`, `FEATURES_NOT_FINITE`, `LABEL_INVALID`, `OPTION_INVALID`.
 */
export function fitLinearModel(options: LinearFitOptions): LinearModel {
  const { features, labels, task = 'classification', inverseStrength = 1, standardise = true } = options;
  const size = checkFeatures(features, labels);
  if (!(inverseStrength > 0 && Number.isFinite(inverseStrength)))
    throw new PeftError('OPTION_INVALID', {
      found: `inverseStrength ${inverseStrength}`,
      expected: 'a finite number above 0',
    });
  const missing = labels.findIndex((label) => !Number.isFinite(label));
  if (missing >= 0)
    throw new PeftError('LABEL_INVALID', {
      found: `label ${labels[missing]} of example ${missing}`,
      expected: 'a finite number',
    });
  const odd = features.findIndex((value) => !Number.isFinite(value));
  if (odd >= 0)
    throw new PeftError('FEATURES_NOT_FINITE', {
      found: `a feature ${features[odd]} of example ${Math.floor(odd / size)}`,
      expected: 'finite numbers',
      fix: 'look at the weights of the model and of the adapter',
    });
  const { means, divisors } = standardise ? momentsOf(features, labels.length, size) : identityOf(size);
  const x = Float64Array.from(features, (value, i) => (value - means[i % size]!) / divisors[i % size]!);
  const problem = { x, labels, size, inverseStrength };
  const { coefficients, intercepts } =
    task === 'regression' ? fitRidge(problem) : fitClasses(problem, requireClasses(labels, options.labelCount));
  const weight = coefficients.map((value, i) => value / divisors[i % size]!);
  const bias = intercepts.map((intercept, column) => intercept - product(weight, column * size, means, 0, size));
  return { weight, bias, columns: bias.length };
}

/** {@link fitLinearModel} and its logits of other features. Errors: the same. */
export function linearProbe(options: LinearProbeOptions): LinearProbe {
  const { testFeatures } = options;
  const { weight, bias, columns } = fitLinearModel(options);
  const size = weight.length / columns;
  const tests = testFeatures.length / size;
  if (!Number.isInteger(tests)) throw misshapen(options.features, options.labels, testFeatures);
  const logits = new Float32Array(tests * columns);
  for (let row = 0; row < tests; row++)
    for (let column = 0; column < columns; column++)
      logits[row * columns + column] = bias[column]! + product(testFeatures, row * size, weight, column * size, size);
  return { logits, columns };
}

interface Problem {
  /** `[labels.length, size]` */
  readonly x: Float64Array;
  readonly labels: readonly number[];
  readonly size: number;
  readonly inverseStrength: number;
}

interface Fit {
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
}

/** Only classes that occur are fitted: the intercept of any other would run away to minus infinity. */
function fitClasses(problem: Problem, count: number): Fit {
  const { size, labels } = problem;
  const present = [...new Set(labels)].sort((a, b) => a - b);
  const coefficients = new Float64Array(count * size);
  const intercepts = new Float64Array(count).fill(-1e9);
  present.forEach((label) => (intercepts[label] = 0));
  if (present.length === 1) return { coefficients, intercepts };
  const targets = labels.map((label) => present.indexOf(label));
  // For two classes the first one's score is fixed at 0 (one weight vector); for more every class has its own.
  const fixed = present.length === 2 ? 1 : 0;
  const fit = fitLinear(problem, present.length - fixed, (scores, row) => {
    const all = fixed ? [0, scores[0]!] : [...scores];
    const most = Math.max(...all);
    const logTotal = most + Math.log(all.reduce((sum, score) => sum + Math.exp(score - most), 0));
    const slopes = all.map((score, i) => Math.exp(score - logTotal) - (i === targets[row] ? 1 : 0));
    return { loss: logTotal - all[targets[row]!]!, slopes: slopes.slice(fixed) };
  });
  present.slice(fixed).forEach((label, i) => {
    coefficients.set(fit.coefficients.subarray(i * size, (i + 1) * size), label * size);
    intercepts[label] = fit.intercepts[i]!;
  });
  return { coefficients, intercepts };
}

const fitRidge = (problem: Problem): Fit =>
  fitLinear(problem, 1, ([score], row) => {
    const error = score! - problem.labels[row]!;
    return { loss: error ** 2 / 2, slopes: [error] };
  });

/** Minimises the sum of losses plus |coefficients|² / (2 · inverseStrength) over `outputs` affine maps. */
function fitLinear(
  { x, labels, size, inverseStrength }: Problem,
  outputs: number,
  lossOf: (scores: Float64Array, row: number) => { readonly loss: number; readonly slopes: readonly number[] },
): Fit {
  const stride = size + 1;
  const scores = new Float64Array(outputs);
  const solution = minimise(
    (w, gradient) => {
      let total = 0;
      for (let i = 0; i < w.length; i++) {
        const penalised = i % stride < size;
        gradient[i] = penalised ? w[i]! / inverseStrength : 0;
        if (penalised) total += w[i]! ** 2 / (2 * inverseStrength);
      }
      for (let row = 0; row < labels.length; row++) {
        for (let output = 0; output < outputs; output++)
          scores[output] = w[output * stride + size]! + product(x, row * size, w, output * stride, size);
        const { loss, slopes } = lossOf(scores, row);
        total += loss;
        for (let output = 0; output < outputs; output++) {
          const slope = slopes[output]!;
          const start = output * stride;
          for (let i = 0; i < size; i++) gradient[start + i]! += slope * x[row * size + i]!;
          gradient[start + size]! += slope;
        }
      }
      return total;
    },
    new Float64Array(outputs * stride),
  );
  const coefficients = new Float64Array(outputs * size);
  const intercepts = new Float64Array(outputs);
  for (let output = 0; output < outputs; output++) {
    coefficients.set(solution.subarray(output * stride, output * stride + size), output * size);
    intercepts[output] = solution[output * stride + size]!;
  }
  return { coefficients, intercepts };
}

/** Means and deviations of features `[rows, size]`. */
function momentsOf(features: Float32Array, rows: number, size: number): Moments {
  const means = new Float64Array(size);
  const deviations = new Float64Array(size);
  for (let i = 0; i < features.length; i++) means[i % size]! += features[i]! / rows;
  for (let i = 0; i < features.length; i++) deviations[i % size]! += (features[i]! - means[i % size]!) ** 2 / rows;
  // A feature that never varies is only centred.
  const divisors = deviations.map((variance, i) => (variance > 1e-15 * means[i]! ** 2 ? Math.sqrt(variance) : 1));
  return { means, divisors };
}

const identityOf = (size: number): Moments => ({
  means: new Float64Array(size),
  divisors: new Float64Array(size).fill(1),
});

interface Moments {
  readonly means: Float64Array;
  readonly divisors: Float64Array;
}

type Numbers = Float32Array | Float64Array;

function product(a: Numbers, aStart: number, b: Numbers, bStart: number, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += a[aStart + i]! * b[bStart + i]!;
  return sum;
}

function checkFeatures(features: Float32Array, labels: readonly number[]): number {
  const size = features.length / labels.length;
  if (labels.length > 0 && Number.isInteger(size) && size > 0) return size;
  throw misshapen(features, labels);
}

const misshapen = (features: Float32Array, labels: readonly number[], testFeatures?: Float32Array) =>
  new PeftError('FEATURES_MISSHAPEN', {
    found: `${features.length} feature values for ${labels.length} labels${testFeatures ? `, and ${testFeatures.length} for the test` : ''}`,
    expected: 'a whole number of features an example, the same in both',
  });

/** How many classes there are. Errors: `LABEL_INVALID`. */
function requireClasses(
  labels: readonly number[],
  count = labels.reduce((most, label) => Math.max(most, label), -1) + 1,
): number {
  const bad = labels.find((label) => !Number.isInteger(label) || label < 0 || label >= count);
  if (bad === undefined) return count;
  throw new PeftError('LABEL_INVALID', { found: `label ${bad}`, expected: `a class index from 0 to ${count - 1}` });
}
