import { fullFineTuning } from '@tfjs-peft/full';
import {
  binaryContrast,
  gradientGram,
  type KernelKind,
  lineariseOutputs,
  relativeChange,
  tensorsOfLayers,
} from '@tfjs-peft/ntk';
import { compose, disposeParameters, type Host, type NamedArrays, PeftError, toParameters } from '@tfjs-peft/peft-core';
import {
  labelledTexts,
  parseTrainConfig,
  predictLogits,
  scoreLogits,
  train,
  type TrainConfig,
  type TrainingResult,
} from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { requireLabels } from '../trial/task-data.js';
import { classifyByKernel } from './classify-by-kernel.js';
import {
  gramsAt,
  type KernelPlace,
  kernelPlaces,
  kernelQuestion,
  type MeasureKernelsOptions,
  ofItsSplit,
} from './compute-kernels.js';
import { startOfHead } from './start-of-methods.js';

/** An optimiser of {@link TrainConfig}. */
export type OptimiserName = NonNullable<TrainConfig['optimiser']>;

/** The kernel that tells what an optimiser does in its first steps: Adam is sign descent there (Malladi et al. 2023, section 3). */
export const kernelOfOptimiser = {
  sgd: 'sgd',
  adamw: 'asymmetric-signgd',
  sign_descent: 'asymmetric-signgd',
} as const satisfies Record<OptimiserName, KernelKind>;

/** Rates that are tried where none are given. */
export const usualRates: Readonly<Record<OptimiserName, readonly number[]>> = {
  sgd: [0.01, 0.1],
  adamw: [5e-5, 2e-4],
  sign_descent: [1e-5, 1e-4],
};

/** Which question is asked of one split. */
export interface BehaviourOptions extends Pick<
  MeasureKernelsOptions,
  'session' | 'dataSeed' | 'seed' | 'batchSize' | 'cache' | 'memoryLimit' | 'signal' | 'onProgress'
> {
  /** `sgd`, `adamw` and `sign_descent` if absent. */
  readonly optimisers?: readonly OptimiserName[];
  /** Learning rates of each that are tried; the development set chooses. */
  readonly rates?: Readonly<Partial<Record<OptimiserName, readonly number[]>>>;
  /** Steps of fine-tuning; 100 if absent. The best of the states after each tenth part counts. */
  readonly steps?: number;
  /** Texts of a training step; 8 if absent. */
  readonly trainBatchSize?: number;
  /** Told when a run of fine-tuning begins. */
  readonly onTraining?: (run: { readonly optimiser: OptimiserName; readonly learningRate: number }) => void;
}

/** Fine-tuning with one optimiser beside its kernel, metrics × 100 of the first test set. */
export interface OptimiserBehaviour {
  readonly optimiser: OptimiserName;
  /** What the development set chose. */
  readonly learningRate: number;
  readonly bestStep: number;
  readonly dev: number;
  readonly fineTuned: number;
  /** The kernel that belongs to the optimiser, before training. */
  readonly kernel: number;
  /** The model that is linear around the start, moved to where training led. */
  readonly linearised: number;
  /** `‖K' - K‖ / ‖K‖` of the kernel of gradient descent on the training texts, by training. */
  readonly featureChange: number;
}

/** One split of the three tests. */
export interface BehaviourMeasurement {
  readonly host: string;
  readonly task: string;
  readonly metric: string;
  readonly dataSeed: number;
  readonly trainRows: number;
  readonly devRows: number;
  readonly testRows: number;
  readonly prompted: boolean;
  /** The head, or the label words, before any training of the host. */
  readonly headAlone: number;
  readonly kernels: readonly { readonly kind: KernelKind; readonly dev: number; readonly test: number }[];
  readonly optimisers: readonly OptimiserBehaviour[];
}

const kinds = ['sgd', 'signgd', 'asymmetric-signgd'] as const;

/**
 * The three tests of Malladi et al. 2023 on one split: regression with the kernels of all weights of the layers and the head against fine-tuning these
 * very weights from the same start, the trained model linearised around that start, and how far the kernel moved. Over splits, `kernelBehaviour` tells
 * what they say. Errors: those of `measureKernels` and `train`, `OPTION_INVALID`.
 */
export async function measureBehaviour(given: BehaviourOptions): Promise<BehaviourMeasurement> {
  const options = ofItsSplit({ ...given, methods: [], full: true });
  const { session, dataSeed } = options;
  const { host } = session;
  const { optimisers = ['sgd', 'adamw', 'sign_descent'] } = given;
  const data = requireLabels(session.data, 'kernels of methods');
  const ratesOf = (optimiser: OptimiserName) => given.rates?.[optimiser] ?? usualRates[optimiser];
  for (const optimiser of optimisers) if (ratesOf(optimiser).length === 0) throw noRates(optimiser);
  const question = { ...kernelQuestion(options), kinds: [...kinds] };
  const { test, testTexts, train: examples, dev } = question;
  const start = await startOfHead(options, examples);
  const place = (await kernelPlaces(options, start).next()).value as KernelPlace;
  const grams = await gramsAt(place, question, options);
  const kernels = kinds.map((kind) => {
    const found = classifyByKernel(grams, question, data, { kind, solver: 'least-squares' });
    return { kind, dev: found.dev, test: found.test };
  });
  const testOf = (logits: Float32Array) => data.measure(logits, test.rows).headline;

  const tensors = tensorsOfLayers(host.spec);
  const modules = [...new Set(tensors.map(({ module }) => module))];
  const method = compose(fullFineTuning({ include: modules, embeddings: false }), start.head);
  const source = labelledTexts(examples, data.objective);
  const evaluator = scoreLogits({ examples: dev, objective: data.objective, score: data.score });
  const run = (optimiser: OptimiserName, learningRate: number) => {
    given.onTraining?.({ optimiser, learningRate });
    const steps = given.steps ?? 100;
    const config = parseTrainConfig({
      ...{ optimiser, learningRate, steps, patience: null, tieBreak: 'loss' },
      batchSize: given.trainBatchSize ?? 8,
      evaluateEvery: { epochs: 0, minSteps: Math.max(1, Math.floor(steps / 10)) },
      // Nothing is drawn: one pass over dev says it all.
      validation: { mode: 'midpoint' },
    });
    return train({
      ...{ host, method, source, objective: data.objective, evaluator, config, initial: start.values },
      seed: given.seed ?? dataSeed,
      ...(given.signal && { signal: given.signal }),
    });
  };

  const behaviourOf = async (optimiser: OptimiserName): Promise<OptimiserBehaviour> => {
    const runs: { readonly learningRate: number; readonly result: TrainingResult }[] = [];
    for (const learningRate of ratesOf(optimiser))
      runs.push({ learningRate, result: await run(optimiser, learningRate) });
    const { learningRate, result } = runs.reduce((best, next) =>
      headlineOf(next.result) > headlineOf(best.result) ? next : best,
    );
    const plan = result.method.plan(host.spec);
    const before: NamedArrays = new Map(
      plan.raw.map(({ name, shape }) => [
        name,
        start.values.get(name) ?? { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
      ]),
    );
    const outputs = await lineariseOutputs({
      ...{ host, method: result.method, start: before, end: result.raw, texts: testTexts },
      ...(options.batchSize !== undefined && { batchSize: options.batchSize }),
    });
    const moved = await withDifferences(host, result.effective);
    const changed = await gradientGram({
      ...{ host: moved, method: compose(start.head), parameters: headOf(result.raw, start.values) },
      rows: examples.map(({ text }) => text),
      ...{ tensors, kind: 'sgd' as const, ...(data.labels.length === 2 && { contrasts: binaryContrast }) },
      ...(options.memoryLimit !== undefined && { memoryLimit: options.memoryLimit }),
    }).finally(() => moved.dispose());
    return {
      ...{ optimiser, learningRate, bestStep: result.bestStep, dev: headlineOf(result) },
      fineTuned: testOf(Float32Array.from(outputs.end)),
      kernel: kernels.find(({ kind }) => kind === kernelOfOptimiser[optimiser])!.test,
      linearised: testOf(Float32Array.from(outputs.linear)),
      featureChange: relativeChange(grams.own.get('sgd')!.values, changed.values).frobenius,
    };
  };
  const measured: OptimiserBehaviour[] = [];
  for (const optimiser of optimisers) measured.push(await behaviourOf(optimiser));

  const fitted = toParameters(start.values);
  const alone = await predictLogits({ host, method: start.head, effective: fitted, texts: testTexts }).finally(() =>
    disposeParameters(fitted),
  );
  return {
    ...{ host: host.spec.name, task: data.loaded.task.name, metric: data.headlineMetric, dataSeed },
    ...{ trainRows: examples.length, devRows: dev.length, testRows: test.rows.length },
    ...{ prompted: session.labelWords !== undefined, headAlone: testOf(alone.logits), kernels, optimisers: measured },
  };
}

const headlineOf = ({ best }: TrainingResult): number => best?.headline ?? -Infinity;

const headOf = (raw: NamedArrays, names: NamedArrays): NamedArrays =>
  new Map([...names.keys()].map((name) => [name, raw.get(name)!]));

/** The host with the differences that full fine-tuning found added to its weights. */
function withDifferences(host: Host, effective: NamedArrays): Promise<Host> {
  const own = 'full.';
  const changed = [...effective].flatMap(([name, { data, shape }]) => {
    if (!name.startsWith(own)) return [];
    const path = name.slice(own.length);
    return [[path, tf.tidy(() => tf.tensor(data as Float32Array, [...shape]).add(host.weight(path)))] as const];
  });
  return host.withWeights(new Map(changed));
}

const noRates = (optimiser: OptimiserName) =>
  new PeftError('OPTION_INVALID', {
    found: `no learning rate for ${optimiser}`,
    expected: 'one at least',
    fix: 'name rates to try, or leave them out',
  });
