import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SetupPlan } from './plan-setup.js';

/** The library of fused kernels, and the module through which @tfjs-peft/backend loads it. */
export const KERNELS = 'tfjs_peft_kernels.node';
export const KERNELS_MODULE = 'tfjs-peft-kernels.cjs';

export const kernelSources = fileURLToPath(new URL('../kernels', import.meta.url));

/** Always the same code for the same machine type: which instruction set runs is decided when it runs. */
export const compileOptions: readonly string[] = [
  ...['-O3', '-std=c++17', '-fPIC', '-fvisibility=hidden', '-ffp-contract=fast', '-fno-math-errno', '-Wno-psabi'],
  // Leaves out headers of TensorFlow that are not unpacked.
  '-DIS_SLIM_BUILD',
];

/** Flags of the compiler for each instruction set of a processor type. */
export const instructionSets: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  x64: { avx512: ['-mavx512f', '-mfma'], avx2: ['-mavx2', '-mfma'], baseline: [] },
  arm64: { baseline: [] },
};

/** A name for the sources and options: other sources are another build. */
export function kernelsVersion(): string {
  const hash = createHash('sha256').update(JSON.stringify([compileOptions, instructionSets]));
  for (const name of readdirSync(kernelSources).toSorted())
    hash.update(name).update(readFileSync(join(kernelSources, name)));
  return hash.digest('hex').slice(0, 12);
}

/** The fused kernels compute on the CPU. */
export const wantsKernels = ({ cuda }: Pick<SetupPlan, 'cuda'>): boolean => !cuda && process.arch in instructionSets;
