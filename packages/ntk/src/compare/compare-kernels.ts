import { PeftError } from '@tfjs-peft/peft-core';
import { eigenvaluesOf } from '../solve/linear-algebra.js';

/** How one kernel looks beside another of the same texts. */
export interface KernelComparison {
  /** Cosine of the two as vectors: 1 for kernels that are the same but for a factor. */
  readonly alignment: number;
  /** The same of centred kernels (Cortes et al. 2012). */
  readonly centredAlignment: number;
  /** `‖K - F‖ / ‖F‖` in Frobenius' norm. */
  readonly deviation: number;
  /** The same after the best factor: `√(1 - alignment²)`. */
  readonly scaledDeviation: number;
  /** `trace K / trace F`: what share of the other the kernel is, where it is a part of its sum. */
  readonly traceShare: number;
}

/** Compares a kernel with another, both `[n, n]`. Errors: `KERNEL_MISSHAPEN`, `KERNEL_ZERO`. */
export function compareKernels(kernel: Float64Array, full: Float64Array): KernelComparison {
  const n = sizeOf(kernel);
  if (full.length !== kernel.length)
    throw new PeftError('KERNEL_MISSHAPEN', {
      found: `kernels of ${kernel.length} and ${full.length} numbers`,
      expected: 'two kernels of the same texts and outputs',
      fix: 'measure both on the same texts, with the same labels',
    });
  const alignment = cosine(kernel, full);
  const difference = kernel.map((value, i) => value - full[i]!);
  return {
    alignment,
    centredAlignment: cosine(centre(kernel, n), centre(full, n)),
    deviation: norm(difference) / norm(full),
    scaledDeviation: Math.sqrt(Math.max(0, 1 - alignment ** 2)),
    traceShare: trace(kernel, n) / trace(full, n),
  };
}

/**
 * Centred alignment of a kernel with the labels (Cristianini et al. 2002; Cortes et al. 2012): with the kernel of the targets, 1 for texts of a class
 * and 0 otherwise. `[n · outputs, n · outputs]` kernels are first summed over equal outputs. Errors: `KERNEL_MISSHAPEN`, `KERNEL_ZERO`, `LABEL_INVALID`.
 */
export function targetAlignment(kernel: Float64Array, labels: readonly number[], outputs = 1): number {
  const n = labels.length;
  if (kernel.length !== (n * outputs) ** 2)
    throw new PeftError('KERNEL_MISSHAPEN', {
      found: `a kernel of ${kernel.length} numbers for ${n} texts of ${outputs} outputs`,
      expected: `${(n * outputs) ** 2} numbers`,
      fix: 'pass the kernel of the training texts with themselves, and their labels',
    });
  if (new Set(labels).size < 2)
    throw new PeftError('LABEL_INVALID', {
      found: 'texts of a single class',
      expected: 'two classes at least',
      fix: 'draw the texts with protocol per_class',
    });
  const width = n * outputs;
  const summed = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      for (let c = 0; c < outputs; c++) summed[i * n + j]! += kernel[(i * outputs + c) * width + j * outputs + c]!;
  const targets = summed.map((_, index) => Number(labels[Math.floor(index / n)] === labels[index % n]));
  return cosine(centre(summed, n), centre(targets, n));
}

/** What the eigenvalues of a kernel's symmetric part say. */
export interface Spectrum {
  /** Largest first. */
  readonly eigenvalues: Float64Array;
  /** `(Σ λ)² / Σ λ²`: how many equal eigenvalues would give the same concentration. */
  readonly effectiveRank: number;
  readonly smallest: number;
}

/** Eigenvalues of a kernel; of one that is not symmetric, those of `(K + Kᵀ) / 2`. Errors: `KERNEL_MISSHAPEN`, `KERNEL_TOO_LARGE`, `KERNEL_ZERO`. */
export function spectrumOf(kernel: Float64Array): Spectrum {
  const n = sizeOf(kernel);
  const symmetric = kernel.map((value, i) => (value + kernel[(i % n) * n + Math.floor(i / n)]!) / 2);
  const eigenvalues = eigenvaluesOf(symmetric, n);
  const squares = eigenvalues.reduce((sum, value) => sum + value * value, 0);
  if (squares === 0) throw zero();
  const sum = eigenvalues.reduce((total, value) => total + value, 0);
  return { eigenvalues, effectiveRank: sum ** 2 / squares, smallest: eigenvalues.at(-1)! };
}

/** Mean of `|K' - K| / |K|` over all entries, and `‖K' - K‖ / ‖K‖`: how far features moved from one point to another. */
export function relativeChange(
  before: Float64Array,
  after: Float64Array,
): { readonly mean: number; readonly frobenius: number } {
  if (before.length !== after.length)
    throw new PeftError('KERNEL_MISSHAPEN', {
      found: `kernels of ${before.length} and ${after.length} numbers`,
      expected: 'two of the same texts',
      fix: 'measure both on the same texts',
    });
  const parts = before.map((value, i) => Math.abs(after[i]! - value) / Math.abs(value));
  const finite = parts.filter(Number.isFinite);
  return {
    mean: finite.reduce((sum, value) => sum + value, 0) / Math.max(1, finite.length),
    frobenius: norm(before.map((value, i) => after[i]! - value)) / norm(before),
  };
}

const sizeOf = (kernel: Float64Array): number => {
  const n = Math.sqrt(kernel.length);
  if (Number.isInteger(n) && n > 0) return n;
  throw new PeftError('KERNEL_MISSHAPEN', {
    found: `a kernel of ${kernel.length} numbers`,
    expected: 'the kernel of texts with themselves',
    fix: 'pass a kernel without columns of other texts',
  });
};

const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const trace = (values: Float64Array, n: number): number =>
  Array.from({ length: n }, (_, i) => values[i * n + i]!).reduce((a, b) => a + b, 0);

function cosine(a: Float64Array, b: Float64Array): number {
  const [lengthA, lengthB] = [norm(a), norm(b)];
  if (lengthA === 0 || lengthB === 0) throw zero();
  return a.reduce((sum, value, i) => sum + (value / lengthA) * (b[i]! / lengthB), 0);
}

/** Rows and columns of mean 0. */
function centre(values: Float64Array, n: number): Float64Array {
  const rows = Array.from({ length: n }, (_, i) => values.subarray(i * n, (i + 1) * n).reduce((a, b) => a + b, 0) / n);
  const columns = Array.from({ length: n }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[i * n + j]!;
    return sum / n;
  });
  const all = rows.reduce((a, b) => a + b, 0) / n;
  return values.map((value, index) => value - rows[Math.floor(index / n)]! - columns[index % n]! + all);
}

const zero = () =>
  new PeftError('KERNEL_ZERO', {
    found: 'a kernel that is 0, or constant where it must not be',
    expected: 'gradients that differ between texts',
    fix: 'start from a point where the outputs depend on the parameters: a head that is not 0, say',
  });
