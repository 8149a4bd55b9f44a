export { gradientGram, gradientGrams } from './gradients/gradient-gram.js';
export type { Gram, GramBlocks, GramRequest } from './gradients/gram-request.js';
export { type HostTensor, hostTensors, tensorsOfLayers } from './gradients/host-tensors.js';
export { type KernelKind, kernelKinds } from './gradients/kernel-kinds.js';
export type { Projection } from './gradients/project-piece.js';
export { binaryContrast, type TiedRows } from './gradients/question.js';
export { largestSystem } from './solve/linear-algebra.js';
export {
  type AsymmetricOptions,
  asymmetricMachine,
  kernelRegression,
  type Regression,
  type RegressionOptions,
} from './solve/kernel-regression.js';
export {
  type KernelClassifier,
  kernelClassifier,
  type KernelClassifierOptions,
  type KernelSet,
  type KernelSolver,
  type SolverSettings,
  usualGrid,
} from './solve/kernel-classifier.js';
export {
  compareKernels,
  type KernelComparison,
  relativeChange,
  type Spectrum,
  spectrumOf,
  targetAlignment,
} from './compare/compare-kernels.js';
export { type Linearisation, type LinearisationOptions, lineariseOutputs } from './linearise/linearise-outputs.js';
