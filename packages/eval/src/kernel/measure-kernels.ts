import { countParameters, disposeParameters, toParameters } from '@tfjs-peft/peft-core';
import {
  compareKernels,
  type Gram,
  type KernelKind,
  type KernelSolver,
  spectrumOf,
  targetAlignment,
} from '@tfjs-peft/ntk';
import { predictLogits } from '@tfjs-peft/train';
import { classifyByKernel, type KernelResult } from './classify-by-kernel.js';
import { requireLabels } from '../trial/task-data.js';
import {
  gramsAt,
  headParameters,
  type KernelPlace,
  kernelPlaces,
  kernelQuestion,
  type MeasureKernelsOptions,
  ofItsSplit,
} from './compute-kernels.js';
import { startOfHead } from './start-of-methods.js';

/** What is told of one method before it is trained. */
export interface KernelRow extends KernelResult {
  /** Name of the preset, and the point of a simplex. */
  readonly method: string;
  /** Numbers that would be trained, without the head. */
  readonly parameters: number;
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
  /** Draws of demonstrations that a run averages over; the kernels are of the first one. */
  readonly draws: number;
  /** The head alone on the test set, before any kernel. */
  readonly headAlone: number;
  readonly rows: readonly KernelRow[];
}

/**
 * What the kernels of methods say of a task before any training: a head is fitted on frozen features, then the gradients of its logits at the start of each
 * method give a classifier and numbers to compare. Errors: `KERNEL_TASK_UNFIT`, `KERNEL_METHOD_UNFIT`, `UNKNOWN_PRESET`, those of `gradientGrams`.
 */
export async function measureKernels(given: MeasureKernelsOptions): Promise<KernelMeasurement> {
  const options = ofItsSplit(given);
  const { session, dataSeed, kind = 'sgd', solver = 'least-squares' } = options;
  const { host } = session;
  const data = requireLabels(session.data, 'kernels of methods');
  const question = kernelQuestion(options);
  const { test, train, dev, testTexts, labels } = question;
  const start = await startOfHead(options, train);
  const { head: itsHead, values: fitted } = start;

  const measure = async (place: KernelPlace, beside: Gram | undefined) => {
    const started = performance.now();
    const { name, point, tensors } = place;
    const { method, parameters } = point;
    const heads = headParameters(method);
    const grams = await gramsAt(place, question, options);
    const gram = grams.own.get(kind)!;
    const body = bodyOf(gram);
    const other = beside && bodyOf(beside);
    const compared = body && other && isAnything(body) ? compareKernels(body, other) : undefined;
    const numbers = tensors
      ? tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
      : countParameters(method.plan(host.spec)).trainable -
        [...heads].reduce((sum, parameter) => sum + (parameters.get(parameter)?.data.length ?? 0), 0);
    const row: KernelRow = {
      method: point.name ? `${name} (${point.name})` : name,
      parameters: numbers,
      ...classifyByKernel(grams, question, data, { kind, solver }),
      targetAlignment: targetAlignment(gram.values, labels, gram.outputs),
      traceShare: compared?.traceShare ?? (tensors ? 1 : null),
      fullAlignment: compared?.alignment ?? (tensors ? 1 : null),
      effectiveRank: spectrumOf(gram.values).effectiveRank,
      seconds: (performance.now() - started) / 1000,
    };
    return { row, gram };
  };

  const rows: KernelRow[] = [];
  let reference: Gram | undefined;
  for await (const place of kernelPlaces(options, start)) {
    const { row, gram } = await measure(place, reference);
    if (place.tensors) reference = gram;
    rows.push(row);
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
    draws: session.draws,
    headAlone: data.measure(alone.logits, test.rows).headline,
    rows,
  };
}

const isAnything = (kernel: Float64Array): boolean => kernel.some((value) => value !== 0);
const bodyOf = ({ groups }: Gram): Float64Array | undefined => groups.get('body');
