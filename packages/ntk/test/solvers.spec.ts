import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  asymmetricMachine,
  compareKernels,
  type Gram,
  kernelClassifier,
  kernelRegression,
  relativeChange,
  spectrumOf,
  targetAlignment,
} from '../src/index.js';
import { difference } from './tiny-question.js';

const { solvers: golden } = JSON.parse(readFileSync(new URL('../goldens/kernels.json', import.meta.url), 'utf8'));
const arrays = Object.fromEntries(
  Object.entries(golden).map(([name, value]) => [name, Array.isArray(value) ? Float64Array.from(value) : value]),
) as unknown as Record<string, Float64Array>;
const { targets, outputs, otherOutputs, symmetric, across, asymmetric, asymmetricAcross, flipped, low, lowAcross } =
  arrays as {
    [name: string]: Float64Array;
  } & typeof arrays;
const f0 = { targets: targets!, outputs: outputs!, outputScale: golden.scale as number };
const transpose = (values: Float64Array, n: number) => values.map((_, i) => values[(i % n) * n + Math.floor(i / n)]!);

describe('solvers beside numpy in double precision', () => {
  it.each([
    ['leastSquares', () => kernelRegression({ ...f0, kernel: symmetric! }).predict(across!, otherOutputs!)],
    ['ridge', () => kernelRegression({ ...f0, kernel: symmetric!, ridge: 0.1 }).predict(across!, otherOutputs!)],
    ['leastNorm', () => kernelRegression({ ...f0, kernel: low! }).predict(lowAcross!, otherOutputs!)],
    [
      'asymmetricRegression',
      () => kernelRegression({ ...f0, kernel: asymmetric! }).predict(asymmetricAcross!, otherOutputs!),
    ],
    [
      'asymmetricMachine',
      () =>
        asymmetricMachine({ ...f0, kernel: asymmetric!, gamma: golden.gamma, mixture: golden.mixture }).predict(
          asymmetricAcross!,
          otherOutputs!,
          flipped!,
        ),
    ],
  ] as const)('%s', (name, solve) => {
    expect(difference(solve(), golden.results[name])).toBeLessThan(1e-8);
  });
});

describe('kernelRegression', () => {
  it('interpolates targets of full rank, with and without f0', () => {
    const plain = kernelRegression({ kernel: symmetric!, targets: targets! });
    expect(difference(plain.predict(symmetric!), targets!)).toBeLessThan(1e-9);
    const withOutputs = kernelRegression({ ...f0, kernel: symmetric! });
    expect(difference(withOutputs.predict(symmetric!, outputs!), targets!)).toBeLessThan(1e-9);
    // The asymmetric one: the sign is on the side of the training texts.
    expect(
      difference(kernelRegression({ kernel: asymmetric!, targets: targets! }).predict(asymmetric!), targets!),
    ).toBeLessThan(1e-9);
  });

  it('gives f0 back where the targets are f0, and for a ridge without end', () => {
    const same = kernelRegression({ kernel: symmetric!, targets: outputs!, outputs: outputs! });
    expect(difference(same.predict(across!, otherOutputs!), otherOutputs!)).toBeLessThan(1e-9);
    const strong = kernelRegression({ ...f0, kernel: symmetric!, ridge: 1e12 });
    expect(
      difference(
        strong.predict(across!, otherOutputs!),
        otherOutputs!.map((value) => value / golden.scale),
      ),
    ).toBeLessThan(1e-6);
    const without = kernelRegression({ ...f0, outputScale: Infinity, kernel: symmetric! }).predict(
      across!,
      otherOutputs!,
    );
    expect(without).toEqual(kernelRegression({ kernel: symmetric!, targets: targets! }).predict(across!));
  });

  it('leaves what it was given as it is', () => {
    const before = [targets!.slice(), symmetric!.slice(), outputs!.slice()];
    kernelRegression({ ...f0, kernel: symmetric!, ridge: 0.1 });
    asymmetricMachine({ ...f0, kernel: asymmetric! });
    expect([targets, symmetric, outputs]).toEqual(before);
  });
});

describe('asymmetricMachine', () => {
  it('becomes least squares on a symmetric kernel as gamma grows, for any mixture', () => {
    const expected = kernelRegression({ ...f0, kernel: symmetric! }).predict(across!, otherOutputs!);
    for (const mixture of [0, 0.3, 1]) {
      const machine = asymmetricMachine({ ...f0, kernel: symmetric!, gamma: 1e12, mixture });
      expect(difference(machine.predict(across!, otherOutputs!), expected)).toBeLessThan(1e-6);
    }
  });

  it('interpolates real residuals as gamma grows', () => {
    for (const mixture of [0, 0.5, 1]) {
      const machine = asymmetricMachine({ ...f0, kernel: asymmetric!, gamma: 1e12, mixture });
      const own = machine.predict(asymmetric!, outputs!, transpose(asymmetric!, golden.n));
      expect(difference(own, targets!)).toBeLessThan(1e-6);
    }
  });

  it('tells a singular system from a regular one', () => {
    // A singular value of 1 / gamma.
    const identity = Float64Array.from([1, 0, 0, 1]);
    expect(() => asymmetricMachine({ kernel: identity, targets: [1, -1], gamma: 1 })).toThrow(
      expect.objectContaining({ code: 'KERNEL_SINGULAR' }),
    );
  });
});

/** A gram of these numbers. */
const gramOf = (values: Float64Array, rows: number, columns: number, count = 1): Gram => ({
  kind: 'sgd',
  rows,
  columns,
  outputs: count,
  values,
  groups: new Map(),
  rowOutputs: new Float64Array(rows * count),
  columnOutputs: new Float64Array(columns * count),
});
/** Points on a line and their inner products, plus one for the constant. */
const line = (a: readonly number[], b: readonly number[]) =>
  Float64Array.from(a.flatMap((x) => b.map((y) => x * y + 1)));

describe('kernelClassifier', () => {
  const [train, other] = [
    [-3, -2, -1, 1, 2, 3],
    [-2.5, -0.2, 0.4, 5],
  ];
  const binary = (points: readonly number[]) => points.map((x) => Number(x > 0));
  const set = (points: readonly number[]) => ({
    gram: gramOf(line(train, points), train.length, points.length),
    labels: binary(points),
  });

  it.each(['least-squares', 'logistic', 'asymmetric-svm'] as const)('%s separates what a line separates', (solver) => {
    const classifier = kernelClassifier({ solver, train: set(train), dev: set([-1.5, 1.5]), classes: 2 });
    expect(classifier.predict(set(other))).toEqual([0, 0, 1, 1]);
    expect(classifier.devScore).toBe(1);
    expect(classifier.scores(set(other))).toHaveLength(8);
  });

  it('solves one system for all classes: output c of text i is row i · C + c', () => {
    const classes = 3;
    const labels = [0, 0, 1, 1, 2, 2];
    // Outputs do not meet: each class has the line's kernel on points of its own.
    const points = [
      [1, 0, 0],
      [2, 0.1, 0],
      [0, 1, 0],
      [0.1, 2, 0],
      [0, 0, 1],
      [0, 0.1, 2],
    ];
    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 1);
    const gram = (columns: readonly (readonly number[])[]) => {
      const width = columns.length * classes;
      const values = new Float64Array(points.length * classes * width);
      points.forEach((p, i) =>
        columns.forEach((q, j) => {
          for (let c = 0; c < classes; c++) values[(i * classes + c) * width + j * classes + c] = dot(p, q);
        }),
      );
      return gramOf(values, points.length, columns.length, classes);
    };
    const classifier = kernelClassifier({ train: { gram: gram(points), labels }, classes, grid: [{ ridge: 1e-6 }] });
    expect(
      classifier.predict({
        gram: gram([
          [3, 0, 0],
          [0, 3, 0],
          [0, 0, 3],
        ]),
      }),
    ).toEqual([0, 1, 2]);
    const scores = classifier.scores({ gram: gram(points) });
    expect(
      difference(
        scores,
        labels.flatMap((label) => [0, 1, 2].map((c) => Number(c === label))),
      ),
    ).toBeLessThan(0.35);
  });

  it('keeps the first of settings that are equally good', () => {
    const options = { train: set(train), dev: set([-1.5, 1.5]), classes: 2 };
    expect(kernelClassifier({ ...options, grid: [{ ridge: 0.1 }, { ridge: 0.2 }] }).settings).toEqual({ ridge: 0.1 });
    const better = kernelClassifier({
      ...options,
      grid: [{ ridge: 0.1 }, { ridge: 0.2 }],
      score: (() => {
        let calls = 0;
        return () => calls++;
      })(),
    });
    expect(better.settings).toEqual({ ridge: 0.2 });
    const scores = [NaN, 0.5];
    const last = kernelClassifier({ ...options, grid: [{ ridge: 0.1 }, { ridge: 0.2 }], score: () => scores.shift()! });
    expect([last.settings, last.devScore]).toEqual([{ ridge: 0.2 }, 0.5]);
  });

  it('asks for the kernel with the sign on the other side', () => {
    const withKind = ({ gram, labels }: ReturnType<typeof set>) => ({
      gram: { ...gram, kind: 'asymmetric-signgd' as const },
      labels,
    });
    const sets = { train: withKind(set(train)), dev: withKind(set([-1, 1])) };
    expect(() => kernelClassifier({ ...sets, classes: 2, solver: 'asymmetric-svm' })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('flipped') }),
    );
  });

  it.each([
    ['three classes for one output', 'SOLVER_BINARY_ONLY', () => ({ classes: 3 })],
    [
      'three outputs for the asymmetric machine',
      'SOLVER_BINARY_ONLY',
      () => ({
        solver: 'asymmetric-svm' as const,
        classes: 3,
        train: { gram: gramOf(new Float64Array(324), 6, 6, 3), labels: [0, 1, 2, 0, 1, 2] },
      }),
    ],
    ['a kernel of other texts', 'KERNEL_OF_OTHER_TEXTS', () => ({ dev: { ...set([1, 2]), labels: [1] } })],
    ['a label that is no class', 'LABEL_INVALID', () => ({ train: { ...set(train), labels: [0, 1, 2, 0, 1, 1] } })],
    [
      'a kernel of NaN',
      'KERNEL_NOT_FINITE',
      () => ({ train: { ...set(train), gram: gramOf(new Float64Array(36).fill(NaN), 6, 6) } }),
    ],
    ['an empty grid', 'OPTION_INVALID', () => ({ grid: [] })],
  ])('%s', (_name, code, change) => {
    expect(() => kernelClassifier({ train: set(train), dev: set([-1, 1]), classes: 2, ...change() })).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it.each([
    ['a ridge below 0', 'OPTION_INVALID', () => kernelRegression({ ...f0, kernel: symmetric!, ridge: -1 })],
    ['a scale of 0', 'OPTION_INVALID', () => kernelRegression({ ...f0, kernel: symmetric!, outputScale: 0 })],
    ['a mixture of 2', 'OPTION_INVALID', () => asymmetricMachine({ ...f0, kernel: symmetric!, mixture: 2 })],
    ['a kernel that is not square', 'KERNEL_MISSHAPEN', () => kernelRegression({ ...f0, kernel: across! })],
    ['outputs of other texts', 'KERNEL_MISSHAPEN', () => kernelRegression({ ...f0, kernel: symmetric!, outputs: [1] })],
    [
      'too many rows',
      'KERNEL_TOO_LARGE',
      () => kernelRegression({ kernel: new Float64Array(3001 ** 2), targets: new Float64Array(3001) }),
    ],
  ])('%s', (_name, code, solve) => {
    expect(solve).toThrow(expect.objectContaining({ code }));
  });
});

describe('kernels compared', () => {
  const doubled = symmetric!.map((value) => 2 * value);
  it('sees the same kernel under a factor', () => {
    const same = compareKernels(doubled, symmetric!);
    expect(same.alignment).toBeCloseTo(1, 12);
    expect(same.centredAlignment).toBeCloseTo(1, 12);
    expect(same.deviation).toBeCloseTo(1, 12);
    expect(same.scaledDeviation).toBeLessThan(1e-5);
    expect(same.traceShare).toBeCloseTo(2, 12);
    expect(relativeChange(symmetric!, doubled)).toEqual({
      mean: expect.closeTo(1, 12),
      frobenius: expect.closeTo(1, 12),
    });
  });

  it('takes the symmetric part of a kernel that is not symmetric', () => {
    const kernel = Float64Array.from([2, 1, 0, -3, 1, 4, 0, 2, 1]);
    const part = kernel.map((value, i) => (value + transpose(kernel, 3)[i]!) / 2);
    for (const one of [kernel, transpose(kernel, 3)])
      expect(spectrumOf(one).effectiveRank).toBeCloseTo(spectrumOf(part).effectiveRank, 12);
  });

  it('counts equal eigenvalues, and finds the labels in a kernel made of them', () => {
    expect(spectrumOf(Float64Array.from([2, 0, 0, 2])).effectiveRank).toBeCloseTo(2, 12);
    expect(spectrumOf(Float64Array.from([1, 1, 1, 1])).effectiveRank).toBeCloseTo(1, 12);
    const labels = [0, 1, 0, 1];
    const perfect = Float64Array.from({ length: 16 }, (_, k) => Number(labels[k >> 2] === labels[k & 3]));
    expect(targetAlignment(perfect, labels)).toBeCloseTo(1, 12);
    expect(targetAlignment(perfect, [0, 0, 1, 1])).toBeLessThan(0.01);
    expect(() => targetAlignment(perfect, [1, 1, 1, 1])).toThrow(expect.objectContaining({ code: 'LABEL_INVALID' }));
    expect(() => compareKernels(new Float64Array(4), new Float64Array(4))).toThrow(
      expect.objectContaining({ code: 'KERNEL_ZERO' }),
    );
    expect(() => spectrumOf(new Float64Array(3))).toThrow(expect.objectContaining({ code: 'KERNEL_MISSHAPEN' }));
    expect(() => targetAlignment(perfect, [0, 1])).toThrow(expect.objectContaining({ code: 'KERNEL_MISSHAPEN' }));
  });
});
