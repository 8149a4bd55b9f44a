import { selectBackend } from '@tfjs-peft/backend';

/** What frozen weights take beside themselves, packed for the fused kernels. */
export const packedMegabytes = async (): Promise<number> =>
  (await selectBackend({ backend: 'tensorflow' })).fusedKernels!.packedWeights!.megabytes;
