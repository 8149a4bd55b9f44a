import { compose, countParameters, disposeParameters, PeftError, toParameters } from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import {
  binaryContrast,
  compareKernels,
  type Gram,
  kernelClassifier,
  type KernelKind,
  type KernelSolver,
  spectrumOf,
  targetAlignment,
  tensorsOfLayers,
} from '@tfjs-peft/ntk';
import { predictLogits } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { cachedGrams } from './kernel-cache.js';
import { type KernelPoint, kernelPoints } from './kernel-points.js';
import { startOf, startOfHead, type StartOptions } from './start-of-methods.js';

/** What is told of one method before it is trained. */
export interface KernelRow {
  /** Name of the preset, and the point of a simplex. */
  readonly method: string;
  /** Numbers that would be trained, without the head. */
  readonly parameters: number;
  /** Headline metric of the classifier from the kernel alone, × 100: on dev, which chose its settings, and on the first test set. */
  readonly dev: number;
  readonly test: number;
  /** Classes that it gives the development and the test texts. */
  readonly devPredictions: readonly number[];
  readonly testPredictions: readonly number[];
  /** Settings that dev chose; null for an output scale without end, which leaves the outputs before training out. */
  readonly settings: Readonly<Record<string, number | null>>;
  /** Centred alignment of the kernel with the labels of the training texts. */
  readonly targetAlignment: number;
  /** Of the kernel without the head: trace and alignment beside the kernel of all weights of the layers; null where that was not computed. */
  readonly traceShare: number | null;
  readonly fullAlignment: number | null;
  /** Of the whole kernel of the training texts. */
  readonly effectiveRank: number;
  readonly seconds: number;
}

/** Kernels of methods on one split of a task. */
export interface KernelMeasurement {
  readonly host: string;
  readonly task: string;
  readonly metric: string;
  readonly kind: KernelKind;
  readonly solver: KernelSolver;
  readonly dataSeed: number;
  readonly trainRows: number;
  readonly devRows: number;
  readonly testRows: number;
  readonly devLabels: readonly number[];
  /** Whether texts are prompts and heads start as label words. */
  readonly prompted: boolean;
  /** The head alone on the test set, before any kernel. */
  readonly headAlone: number;
  readonly rows: readonly KernelRow[];
}

/** Which methods, on which texts. */
export interface MeasureKernelsOptions extends StartOptions {
  /** Names of presets. */
  readonly methods: readonly string[];
  /** `sgd` if absent. */
  readonly kind?: Exclude<KernelKind, 'flipped-signgd'>;
  readonly solver?: KernelSolver;
  /** Also all weights of the layers, beside which shares are told; true if absent. */
  readonly full?: boolean;
  /** Folder of kernels that were computed before. */
  readonly cache?: string;
  readonly memoryLimit?: number;
  /** Told after each batch how many texts of a method have been looked at. */
  readonly onProgress?: (progress: { readonly method: string; readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/** The name under which all weights of the layers go. */
const fullName = 'all weights';

/**
 * What the kernels of methods say of a task before any training: a head is fitted on frozen features, then the gradients of its logits at the start of each
 * method give a classifier and numbers to compare. Errors: `KERNEL_TASK_UNFIT`, `KERNEL_METHOD_UNFIT`, `UNKNOWN_PRESET`, those of `gradientGrams`.
 */
export async function measureKernels(options: MeasureKernelsOptions): Promise<KernelMeasurement> {
  const { session, dataSeed, kind = 'sgd', solver = 'least-squares', full = true } = options;
  const { host, data } = session;
  if (data.regression)
    throw new PeftError('KERNEL_TASK_UNFIT', {
      found: `task ${data.loaded.task.name}, whose targets are numbers`,
      expected: 'a task of classes',
      fix: 'train it: `tfjs-peft run` takes numbers as labels',
    });
  if (solver === 'asymmetric-svm' && kind !== 'asymmetric-signgd')
    throw new PeftError('OPTION_INVALID', {
      found: `solver ${solver} for the kernel ${kind}`,
      expected: 'the kernel asymmetric-signgd',
      fix: 'ask for that kernel (`--kind asymmetric-signgd`), or for the solver least-squares',
    });
  const split = data.split(dataSeed);
  const test = data.tests[0]!;
  if (split.dev.length === 0)
    throw new PeftError('KERNEL_TASK_UNFIT', {
      found: 'a split without a development set',
      expected: 'one, to choose the settings of the classifier',
      fix: 'use another data protocol, `--protocol per_class` for example',
    });
  const [train, dev] = [session.examples(split.train), session.examples(split.dev)];
  const testTexts = session.encode(test.rows);
  const columns = [...dev.map(({ text }) => text), ...testTexts];
  const labels = train.map(({ label }) => label);
  const classes = data.labels.length;
  const { head: itsHead, values: fitted } = await startOfHead(options, train);
  const score = (rows: typeof split.dev, predicted: readonly number[]) =>
    data.measure(oneHot(predicted, classes), rows).headline;

  const measure = async (
    name: string,
    point: KernelPoint,
    beside: Gram | undefined,
    tensors = tensorsOfLayers(host.spec),
  ) => {
    const started = performance.now();
    const { method, parameters } = point;
    const heads = new Set(headsOf(method).flatMap((own) => Object.values(own.head.names)));
    const isFull = name === fullName;
    const kinds = [kind, ...(solver === 'asymmetric-svm' ? (['flipped-signgd'] as const) : [])];
    const shared = {
      host,
      method,
      parameters,
      rows: train.map(({ text }) => text),
      ...(isFull && { tensors }),
      groupOf: (parameter: string) => (heads.has(parameter) ? 'head' : 'body'),
      ...(classes === 2 && { contrasts: binaryContrast }),
      kinds,
      ...(options.batchSize !== undefined && { batchSize: options.batchSize }),
      ...(options.memoryLimit !== undefined && { memoryLimit: options.memoryLimit }),
      ...(options.signal && { signal: options.signal }),
      backend: tf.getBackend(),
    };
    const progress = (offset: number) => ({
      onProgress: ({ done }: { readonly done: number }) =>
        options.onProgress?.({ method: name, done: offset + done, total: 2 * train.length + columns.length }),
    });
    const own = await cachedGrams(options.cache, { ...shared, ...progress(0) });
    const across = await cachedGrams(options.cache, { ...shared, columns, ...progress(train.length) });
    const gram = own.get(kind)!;
    const part = (from: number, to: number) => ({
      gram: columnsOf(across.get(kind)!, from, to),
      ...(across.has('flipped-signgd') && { flipped: columnsOf(across.get('flipped-signgd')!, from, to) }),
    });
    const [devSet, testSet] = [part(0, dev.length), part(dev.length, columns.length)];
    const classifier = kernelClassifier({
      solver,
      train: { gram, labels },
      dev: { ...devSet, labels: dev.map(({ label }) => label) },
      classes,
      score: (predicted) => score(split.dev, predicted),
    });
    const body = bodyOf(gram);
    const other = beside && bodyOf(beside);
    const compared = body && other && isAnything(body) ? compareKernels(body, other) : undefined;
    const devPredictions = classifier.predict(devSet);
    const testPredictions = classifier.predict(testSet);
    const numbers = isFull
      ? tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
      : countParameters(method.plan(host.spec)).trainable -
        [...heads].reduce((sum, parameter) => sum + (parameters.get(parameter)?.data.length ?? 0), 0);
    const row: KernelRow = {
      method: point.name ? `${name} (${point.name})` : name,
      parameters: numbers,
      dev: score(split.dev, devPredictions),
      test: score(test.rows, testPredictions),
      devPredictions,
      testPredictions,
      settings: Object.fromEntries(
        Object.entries(classifier.settings).map(([key, value]) => [key, value === Infinity ? null : (value as number)]),
      ),
      targetAlignment: targetAlignment(gram.values, labels, gram.outputs),
      traceShare: compared?.traceShare ?? (isFull ? 1 : null),
      fullAlignment: compared?.alignment ?? (isFull ? 1 : null),
      effectiveRank: spectrumOf(gram.values).effectiveRank,
      seconds: (performance.now() - started) / 1000,
    };
    return { row, gram };
  };

  const rows: KernelRow[] = [];
  let reference: Gram | undefined;
  if (full) {
    const { row, gram } = await measure(
      fullName,
      { name: '', method: compose(itsHead), parameters: fitted },
      undefined,
    );
    reference = gram;
    rows.push(row);
  }
  for (const name of options.methods) {
    const { method, parameters } = await startOf(name, options, itsHead, fitted);
    for (const point of await kernelPoints(method, parameters, host))
      rows.push((await measure(name, point, reference)).row);
  }
  const effective = toParameters(fitted);
  const alone = await predictLogits({ host, method: itsHead, effective, texts: testTexts }).finally(() =>
    disposeParameters(effective),
  );
  return {
    host: host.spec.name,
    task: data.loaded.task.name,
    metric: data.headlineMetric,
    kind,
    solver,
    dataSeed,
    trainRows: train.length,
    devRows: dev.length,
    testRows: test.rows.length,
    devLabels: dev.map(({ label }) => label),
    prompted: session.labelWords !== undefined,
    headAlone: data.measure(alone.logits, test.rows).headline,
    rows,
  };
}

const isAnything = (kernel: Float64Array): boolean => kernel.some((value) => value !== 0);
const bodyOf = ({ groups }: Gram): Float64Array | undefined => groups.get('body');

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
