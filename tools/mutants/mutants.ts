import type { Mutant } from './mutant.js';
import { decoderFaults } from './faults/decoders.js';
import { modelFaults } from './faults/model.js';
import { methodsFaults } from './faults/methods.js';
import { trainingFaults } from './faults/training.js';
import { filesFaults } from './faults/files.js';
import { deploymentFaults } from './faults/deployment.js';
import { sparseIncrementsFaults } from './faults/sparse-increments.js';
import { hfMethodsFaults } from './faults/hf-methods.js';
import { metaLearningFaults } from './faults/meta-learning.js';
import { fusedKernelFaults } from './faults/fused-kernels.js';
import { kernelFaults } from './faults/kernels.js';
import { textFaults } from './faults/texts.js';

/** The deliberate faults, by what they break. Add one with every mechanism whose failure would be silent. */
export const mutants: readonly Mutant[] = [
  ...modelFaults,
  ...decoderFaults,
  ...methodsFaults,
  ...trainingFaults,
  ...filesFaults,
  ...deploymentFaults,
  ...sparseIncrementsFaults,
  ...hfMethodsFaults,
  ...metaLearningFaults,
  ...kernelFaults,
  ...fusedKernelFaults,
  ...textFaults,
];
