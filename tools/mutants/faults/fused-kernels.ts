import type { Mutant } from '../mutant.js';

const backend = 'tensorflow';

export const fusedKernelFaults: readonly Mutant[] = [
  {
    fault: 'packed weights outlive their host',
    file: 'packages/transformer/src/kernels/frozen-affine.ts',
    find: 'tf.dispose([transposed, ...packed.values()]);',
    replace: 'tf.dispose([transposed]);',
    suites: 'transformer packed-weights',
    backend,
  },
  {
    fault: 'weights are packed forward for both directions',
    file: 'packages/transformer/src/kernels/frozen-affine.ts',
    find: "nativePack(kernel, direction === 'backward')",
    replace: 'nativePack(kernel, false)',
    suites: 'transformer native-kernels',
    backend,
  },
  {
    fault: 'packed weights have no limit',
    file: 'packages/backend/src/native-operations.ts',
    find: 'settings: () => ({ megabytes: packedLimit() }),',
    replace: 'settings: () => ({ megabytes: 1024 }),',
    suites: 'transformer packed-weights',
    backend,
  },
  {
    fault: 'all low-rank deltas change the queries',
    file: 'packages/transformer/src/model/change-side-by-side.ts',
    find: 'column: place * size })',
    replace: 'column: 0 })',
    suites: 'transformer change-side-by-side',
    backend,
  },
  {
    fault: 'every vertex gets the gradient of the first',
    file: 'packages/subspace/src/mix-vertices.ts',
    find: '[index, () => tensor]',
    replace: '[index, () => (tensor === made[0] ? tensor : made[index - (index % 2)]!)]',
    suites: 'subspace fused-mixing',
    backend,
  },
  {
    fault: 'second moments are the first ones',
    file: 'packages/train/src/optimisers/adamw.ts',
    find: 'replaced(state.get(slot)!, index + 1)',
    replace: 'replaced(state.get(slot)!, 1)',
    suites: 'train fused-update',
    backend,
  },
  {
    fault: 'the fused kernel drops out a little more',
    file: 'packages/peft-core/src/dropout.ts',
    find: 'nativeFactors(shape, threshold, seed)',
    replace: 'nativeFactors(shape, threshold + 1, seed)',
    suites: 'subspace fused-mixing',
    backend,
  },
  {
    fault: 'the gradient of the cosine changes sides',
    file: 'packages/subspace/src/cosine-penalty.ts',
    find: "'TfjsPeftDifference', [...x, ...y, ofX, ofY]",
    replace: "'TfjsPeftDifference', [...y, ...x, ofX, ofY]",
    suites: 'subspace fused-mixing',
    backend,
  },
];
