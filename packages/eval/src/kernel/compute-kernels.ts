import { requireLabels } from '../trial/task-data.js';
import { compose, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import {
  binaryContrast,
  type HostTensor,
  type KernelKind,
  type KernelSolver,
  largestSystem,
  tensorsOfLayers,
} from '@tfjs-peft/ntk';
import * as tf from '@tensorflow/tfjs';
import { cachedGrams, type KernelShare } from './kernel-cache.js';
import { type KernelPoint, kernelPoints } from './kernel-points.js';
import { startOf, startOfHead, type StartOptions, trainedPreset } from './start-of-methods.js';

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
  /** Told after each batch. */
  readonly onProgress?: (progress: KernelProgress) => void;
  readonly signal?: AbortSignal;
}

/** How far the kernels are. */
export interface KernelProgress {
  readonly method: string;
  /** Of the kernel of this method, and of all, from 0 to 1. */
  readonly ofMethod: number;
  readonly ofAll: number;
}

/** The name under which all weights of the layers go. */
const fullName = 'all weights';

/** With the session of its split. */
export const ofItsSplit = (options: MeasureKernelsOptions): MeasureKernelsOptions => ({
  ...options,
  session: options.session.ofSplit(options.dataSeed),
});

/**
 * On which texts kernels are computed, of what: all that can be refused before the first gradient is refused here. Errors: `KERNEL_TASK_UNFIT`,
 * `KERNEL_METHOD_UNFIT`, `KERNEL_TOO_LARGE`, `SOLVER_BINARY_ONLY`, `UNKNOWN_PRESET`, `OPTION_INVALID`.
 */
export function kernelQuestion({ session, dataSeed, methods, kind = 'sgd', solver }: MeasureKernelsOptions) {
  const data = requireLabels(session.data, 'kernels of methods');
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
  const outputs = data.labels.length === 2 ? 1 : data.labels.length;
  if (solver === 'asymmetric-svm' && outputs > 1)
    throw new PeftError('SOLVER_BINARY_ONLY', {
      found: `solver ${solver} for the ${outputs} classes of ${data.loaded.task.name}`,
      expected: 'a task of two classes',
      fix: 'take the solver least-squares (`--solver least-squares`)',
    });
  methods.forEach((name) => trainedPreset(session.catalogue, name));
  const split = data.split(dataSeed);
  const test = data.tests[0]!;
  if (split.train.length * outputs > largestSystem)
    throw new PeftError('KERNEL_TOO_LARGE', {
      found: `${split.train.length} training texts with ${outputs} ${outputs === 1 ? 'output' : 'outputs'} each`,
      expected: `at most ${largestSystem} rows of a kernel in all`,
      fix: 'take fewer training texts (`--shots`)',
    });
  if (split.dev.length === 0)
    throw new PeftError('KERNEL_TASK_UNFIT', {
      found: 'a split without a development set',
      expected: 'one, to choose the settings of the classifier',
      fix: 'use another data protocol, `--protocol per_class` for example',
    });
  const [train, dev] = [session.examples(split.train), session.examples(split.dev)];
  const testTexts = session.encode(test.rows);
  return {
    split,
    test,
    train,
    dev,
    testTexts,
    columns: [...dev.map(({ text }) => text), ...testTexts],
    labels: train.map(({ label }) => label),
    kinds: [kind, ...(solver === 'asymmetric-svm' ? (['flipped-signgd'] as const) : [])],
  };
}

type Question = ReturnType<typeof kernelQuestion>;

/** One kernel that is asked for. */
export interface KernelPlace {
  readonly name: string;
  readonly point: KernelPoint;
  /** Of the host, if it is the kernel of all weights. */
  readonly tensors?: readonly HostTensor[];
  /** How much of all kernels is done when this much of this one is. */
  readonly ofAll: (ofThis: number) => number;
}

/** All kernels that are asked for, that of all weights first. */
export async function* kernelPlaces(
  options: MeasureKernelsOptions,
  { head: itsHead, values: fitted }: Awaited<ReturnType<typeof startOfHead>>,
): AsyncGenerator<KernelPlace> {
  const { session, methods, full = true } = options;
  const { host } = session;
  const kernels = methods.length + Number(full);
  if (full) {
    const point = { name: '', method: compose(itsHead), parameters: fitted };
    const tensors = tensorsOfLayers(host.spec);
    yield { name: fullName, point, tensors, ofAll: (ofThis) => ofThis / kernels };
  }
  for (const [index, name] of methods.entries()) {
    const { method, parameters } = await startOf(name, options, itsHead, fitted);
    const points = await kernelPoints(method, parameters, host);
    for (const [number, point] of points.entries())
      yield { name, point, ofAll: (part) => (index + Number(full) + (number + part) / points.length) / kernels };
  }
}

/** The kernels at a place: of the training texts with themselves, and with all others. */
export async function gramsAt(
  { name, point: { method, parameters }, tensors, ofAll }: KernelPlace,
  { train, columns, kinds }: Question,
  { session, cache, batchSize, memoryLimit, signal, onProgress }: MeasureKernelsOptions,
  share?: KernelShare,
) {
  const heads = headParameters(method);
  const request = {
    host: session.host,
    method,
    parameters,
    rows: train.map(({ text }) => text),
    ...(tensors && { tensors }),
    groupOf: (parameter: string) => (heads.has(parameter) ? 'head' : 'body'),
    ...(requireLabels(session.data, 'kernels of methods').labels.length === 2 && { contrasts: binaryContrast }),
    kinds,
    ...(batchSize !== undefined && { batchSize }),
    ...(memoryLimit !== undefined && { memoryLimit }),
    ...(signal && { signal }),
    backend: tf.getBackend(),
  };
  const ofOwn = train.length / (train.length + columns.length);
  const tell = (ofMethod: number) => onProgress?.({ method: name, ofMethod, ofAll: ofAll(ofMethod) });
  const own = await cachedGrams(
    cache,
    { ...request, onProgress: ({ done, total }) => tell((ofOwn * done) / total) },
    share,
  );
  const across = await cachedGrams(
    cache,
    { ...request, columns, onProgress: ({ done, total }) => tell(ofOwn + ((1 - ofOwn) * done) / total) },
    share,
  );
  return { own, across };
}

/**
 * Computes its share of the blocks of all kernels of a measurement and leaves them in the cache, from which `measureKernels` goes on.
 * Errors: those of `measureKernels`.
 */
export async function computeKernelBlocks(given: MeasureKernelsOptions, share: KernelShare): Promise<void> {
  const options = ofItsSplit(given);
  const question = kernelQuestion(options);
  const start = await startOfHead(options, question.train);
  for await (const place of kernelPlaces(options, start)) await gramsAt(place, question, options, share);
}

/** Names of the parameters of its heads. */
export const headParameters = (method: PeftMethod): ReadonlySet<string> =>
  new Set(headsOf(method).flatMap((own) => Object.values(own.head.names)));
