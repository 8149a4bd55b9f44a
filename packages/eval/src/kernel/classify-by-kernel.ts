import { type Gram, kernelClassifier, type KernelKind, type KernelSolver } from '@tfjs-peft/ntk';
import type { LabelTaskData } from '../trial/task-data.js';
import type { gramsAt, kernelQuestion } from './compute-kernels.js';

/** What a classifier from kernels alone does. */
export interface KernelResult {
  /** Headline metric × 100: on dev, which chose the settings, and on the first test set. */
  readonly dev: number;
  readonly test: number;
  /** Classes that it gives the development and the test texts. */
  readonly devPredictions: readonly number[];
  readonly testPredictions: readonly number[];
  /** Settings that dev chose; null for an output scale without end, which leaves the outputs before training out. */
  readonly settings: Readonly<Record<string, number | null>>;
}

/** A classifier from the kernels at a place, tested. */
export function classifyByKernel(
  { own, across }: Awaited<ReturnType<typeof gramsAt>>,
  { train, dev, test, testTexts, split }: ReturnType<typeof kernelQuestion>,
  data: LabelTaskData,
  { kind, solver }: { readonly kind: KernelKind; readonly solver: KernelSolver },
): KernelResult {
  const part = (from: number, to: number) => ({
    gram: columnsOf(across.get(kind)!, from, to),
    ...(across.has('flipped-signgd') && { flipped: columnsOf(across.get('flipped-signgd')!, from, to) }),
  });
  const [devSet, testSet] = [part(0, dev.length), part(dev.length, dev.length + testTexts.length)];
  const classes = data.labels.length;
  const score = (rows: typeof split.dev, predicted: readonly number[]) =>
    data.measure(oneHot(predicted, classes), rows).headline;
  const classifier = kernelClassifier({
    solver,
    train: { gram: own.get(kind)!, labels: train.map(({ label }) => label) },
    dev: { ...devSet, labels: dev.map(({ label }) => label) },
    classes,
    score: (predicted) => score(split.dev, predicted),
  });
  const devPredictions = classifier.predict(devSet);
  const testPredictions = classifier.predict(testSet);
  return {
    dev: score(split.dev, devPredictions),
    test: score(test.rows, testPredictions),
    devPredictions,
    testPredictions,
    settings: Object.fromEntries(
      Object.entries(classifier.settings).map(([key, value]) => [key, value === Infinity ? null : (value as number)]),
    ),
  };
}

/** Columns from one text to before another. */
function columnsOf(gram: Gram, from: number, to: number): Gram {
  const { rows, columns, outputs, columnOutputs } = gram;
  const cut = (values: Float64Array) => {
    const width = (to - from) * outputs;
    const out = new Float64Array(rows * outputs * width);
    for (let row = 0; row < rows * outputs; row++)
      out.set(values.subarray((row * columns + from) * outputs, (row * columns + to) * outputs), row * width);
    return out;
  };
  return {
    ...gram,
    columns: to - from,
    values: cut(gram.values),
    groups: new Map([...gram.groups].map(([name, values]) => [name, cut(values)])),
    columnOutputs: columnOutputs.slice(from * outputs, to * outputs),
  };
}

const oneHot = (predicted: readonly number[], classes: number): Float32Array =>
  Float32Array.from({ length: predicted.length * classes }, (_, index) =>
    Number(predicted[Math.floor(index / classes)] === index % classes),
  );
