import { PeftError } from '@tfjs-peft/peft-core';
import { fitLinearModel } from '@tfjs-peft/train';
import type { Gram } from '../gradients/gram-request.js';
import { asymmetricMachine, type Regression, regressionsOf } from './kernel-regression.js';

/** How a kernel becomes a classifier. */
export type KernelSolver = 'least-squares' | 'logistic' | 'asymmetric-svm';

/** One setting of a solver. What a solver does not know is left out. */
export interface SolverSettings {
  readonly ridge?: number;
  readonly outputScale?: number;
  readonly gamma?: number;
  readonly inverseStrength?: number;
}

/** The settings that are tried where none are given (Malladi et al. 2023, as their code has them). */
export const usualGrid: Readonly<Record<KernelSolver, readonly SolverSettings[]>> = {
  'least-squares': [0, 1e-3, 1e-2, 0.1, 1].flatMap((ridge) =>
    [Infinity, 1e4, 1000, 100, 10].map((outputScale) => ({ ridge, outputScale })),
  ),
  logistic: [0.01, 0.1, 1, 10, 100].map((inverseStrength) => ({ inverseStrength })),
  'asymmetric-svm': [0.01, 0.1, 1, 10].flatMap((gamma) =>
    [Infinity, 1000, 10].map((outputScale) => ({ gamma, outputScale })),
  ),
};

/** Texts with labels: a kernel of the training texts with them. */
export interface KernelSet {
  /** Rows are the training texts, columns these. */
  readonly gram: Gram;
  /** The kernel with the sign on the other side, for `asymmetric-svm`. */
  readonly flipped?: Gram;
  readonly labels: readonly number[];
}

/** What a classifier from kernels is made of. */
export interface KernelClassifierOptions {
  readonly solver?: KernelSolver;
  readonly train: KernelSet;
  /** Chooses the settings; without it the first of the grid. */
  readonly dev?: KernelSet;
  readonly classes: number;
  readonly grid?: readonly SolverSettings[];
  /** From predicted classes and labels to a number, larger is better; accuracy if absent. */
  readonly score?: (predicted: readonly number[], labels: readonly number[]) => number;
}

/** A fitted classifier. */
export interface KernelClassifier {
  readonly settings: SolverSettings;
  /** On the development set; undefined without one. */
  readonly devScore: number | undefined;
  /** Scores `[texts, classes]` of the columns of a kernel; for one output minus and plus the value. */
  scores(set: Pick<KernelSet, 'gram' | 'flipped'>): Float64Array;
  /** The class of each column. */
  predict(set: Pick<KernelSet, 'gram' | 'flipped'>): number[];
}

/**
 * A classifier from kernels alone: regression of ±1 (one output) or of one-hot targets (an output a class, all of one system), or logistic regression
 * with the rows of the kernel as features. All settings are chosen on the development set; of equal ones the first of the grid stays.
 * Errors: `SOLVER_BINARY_ONLY`, `LABEL_INVALID`, `KERNEL_OF_OTHER_TEXTS`, those of the solvers.
 */
export function kernelClassifier(options: KernelClassifierOptions): KernelClassifier {
  const { solver = 'least-squares', train, dev, classes, score = accuracyOf } = options;
  const grid = options.grid ?? usualGrid[solver];
  const outputs = train.gram.outputs;
  checkSets(options);
  if (outputs === 1 ? classes !== 2 : classes !== outputs)
    throw binaryOnly(
      `${classes} classes and kernels of ${outputs} ${outputs === 1 ? 'output' : 'outputs'}`,
      'two classes for one output, otherwise an output a class',
    );
  if (solver === 'asymmetric-svm' && outputs !== 1)
    throw binaryOnly(
      `the solver "asymmetric-svm" for ${classes} classes of an output each`,
      'two classes and one output',
    );
  const fit = fitterOf(solver, train, classes);
  const candidates = (dev ? grid : grid.slice(0, 1)).map((settings) => {
    const classifier = classifierOf(fit(settings), classes, outputs);
    return { settings, classifier, devScore: dev && score(classifier.predict(dev), dev.labels) };
  });
  const [first] = candidates;
  if (!first) throw new PeftError('OPTION_INVALID', { found: 'an empty grid', expected: 'one setting at least' });
  const best = candidates.reduce(
    (chosen, next) => (orWorst(next.devScore) > orWorst(chosen.devScore) ? next : chosen),
    first,
  );
  return { settings: best.settings, devScore: best.devScore, ...best.classifier };
}

/** A score that is no number is the worst, as elsewhere. */
const orWorst = (score = 0): number => (Number.isNaN(score) ? -Infinity : score);

type Scorer = (set: Pick<KernelSet, 'gram' | 'flipped'>) => Float64Array;

/** From settings to values `[columns · outputs]`, or for `logistic` to scores `[columns, classes]`. */
function fitterOf(
  solver: KernelSolver,
  { gram, labels }: KernelSet,
  classes: number,
): (settings: SolverSettings) => Scorer {
  const { outputs } = gram;
  const size = gram.rows * outputs;
  const targets = labels.flatMap((label) =>
    outputs === 1 ? [2 * label - 1] : Array.from({ length: outputs }, (_, c) => Number(c === label)),
  );
  const predict =
    (regression: Regression): Scorer =>
    ({ gram: of, flipped }) => {
      if (solver === 'asymmetric-svm' && of.kind === 'asymmetric-signgd' && !flipped) throw noFlipped();
      return regression.predict(of.values, of.columnOutputs, flipped?.values);
    };
  if (solver === 'logistic') return logisticOnRows(gram, labels, classes);
  if (solver === 'asymmetric-svm')
    return ({ gamma, ridge, outputScale }) =>
      predict(asymmetricMachine({ kernel: gram.values, targets, outputs: gram.rowOutputs, gamma, ridge, outputScale }));
  const byRidge = new Map<number, ReturnType<typeof regressionsOf>>();
  return ({ ridge = 0, outputScale }) => {
    const regressions = byRidge.get(ridge) ?? regressionsOf(gram.values, size, ridge);
    byRidge.set(ridge, regressions);
    return predict(regressions({ targets, outputs: gram.rowOutputs, outputScale }));
  };
}

/** The kernel values of a text with all training texts are its features, in units of their largest. */
function logisticOnRows(train: Gram, labels: readonly number[], classes: number) {
  const { outputs } = train;
  const size = train.rows * outputs * outputs;
  const largest = train.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const featuresOf = (gram: Gram) => {
    const width = gram.columns * outputs;
    return Float32Array.from({ length: gram.columns * size }, (_, index) => {
      const [text, feature] = [Math.floor(index / size), index % size];
      const [row, output] = [Math.floor(feature / outputs), feature % outputs];
      return gram.values[row * width + text * outputs + output]! / largest;
    });
  };
  const features = featuresOf(train);
  return ({ inverseStrength = 1 }: SolverSettings): Scorer => {
    const model = fitLinearModel({ features, labels, labelCount: classes, inverseStrength });
    return ({ gram }) => {
      const others = featuresOf(gram);
      return Float64Array.from({ length: gram.columns * classes }, (_, index) => {
        const [text, label] = [Math.floor(index / classes), index % classes];
        let sum = model.bias[label]!;
        for (let k = 0; k < size; k++) sum += model.weight[label * size + k]! * others[text * size + k]!;
        return sum;
      });
    };
  };
}

function classifierOf(values: Scorer, classes: number, outputs: number) {
  const scores: Scorer = (set) => {
    const found = values(set);
    if (outputs > 1 || found.length === set.gram.columns * classes) return found;
    return Float64Array.from([...found].flatMap((value) => [-value, value]));
  };
  const predict = (set: Pick<KernelSet, 'gram' | 'flipped'>): number[] => {
    const all = scores(set);
    return Array.from({ length: set.gram.columns }, (_, text) => {
      const own = all.subarray(text * classes, (text + 1) * classes);
      return own.indexOf(Math.max(...own));
    });
  };
  return { scores, predict };
}

const accuracyOf = (predicted: readonly number[], labels: readonly number[]): number =>
  predicted.filter((value, i) => value === labels[i]).length / Math.max(1, labels.length);

function checkSets({ train, dev, classes }: KernelClassifierOptions): void {
  for (const { gram, labels } of [train, ...(dev ? [dev] : [])]) {
    const bad = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
    if (bad !== undefined)
      throw new PeftError('LABEL_INVALID', { found: `label ${bad}`, expected: `a class from 0 to ${classes - 1}` });
    if (labels.length !== gram.columns || gram.rows !== train.labels.length)
      throw new PeftError('KERNEL_OF_OTHER_TEXTS', {
        found: `a kernel of ${gram.rows} × ${gram.columns} texts for ${train.labels.length} training labels and ${labels.length} labels`,
        expected: 'the training texts as rows, and one label a column',
        fix: 'compute the kernel of these very texts',
      });
  }
}

const noFlipped = () =>
  new PeftError('OPTION_INVALID', {
    found: 'an asymmetric kernel with other texts, without the one that has the sign on their side',
    expected: '`flipped` for the solver "asymmetric-svm"',
    fix: 'compute the kinds "asymmetric-signgd" and "flipped-signgd" in one call of `gradientGrams` and pass both',
  });

const binaryOnly = (found: string, expected: string) =>
  new PeftError('SOLVER_BINARY_ONLY', {
    found,
    expected,
    fix: 'compute the kernel with an output a class and use "least-squares"',
  });
