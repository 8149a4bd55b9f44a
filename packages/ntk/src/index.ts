export { gradientGram, gradientGrams } from './gradients/gradient-gram.js';
export type { Gram, GramRequest } from './gradients/gram-request.js';
export { type HostTensor, hostTensors, tensorsOfLayers } from './gradients/host-tensors.js';
export { type KernelKind, kernelKinds } from './gradients/kernel-kinds.js';
export type { Projection } from './gradients/project-piece.js';
export { binaryContrast, type TiedRows } from './gradients/question.js';
