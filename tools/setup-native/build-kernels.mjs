import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCompiler } from './build-addon.mjs';
import { partialPath } from './partial-folders.mjs';
import { LIBRARIES, TENSORFLOW_VERSION } from './plan-setup.mjs';
import { lastLines, runProgram } from './run-program.mjs';
import { SetupError, keepSaying, say } from './say.mjs';

/** The library of fused kernels, and the module through which @tfjs-peft/backend loads it. */
export const KERNELS = 'tfjs_peft_kernels.node';
export const KERNELS_MODULE = 'tfjs-peft-kernels.cjs';

const sources = fileURLToPath(new URL('kernels', import.meta.url));

/** Always the same code for the same machine type: which instruction set runs is decided when it runs. */
const options = [
  ...['-O3', '-std=c++17', '-fPIC', '-fvisibility=hidden', '-ffp-contract=fast', '-fno-math-errno', '-Wno-psabi'],
  // Leaves out headers of TensorFlow that are not unpacked.
  '-DIS_SLIM_BUILD',
];

const instructionSets = {
  x64: { avx512: ['-mavx512f', '-mfma'], avx2: ['-mavx2', '-mfma'], baseline: [] },
  arm64: { baseline: [] },
};

/** A name for the sources and options: other sources are another build. */
export function kernelsVersion() {
  const hash = createHash('sha256').update(JSON.stringify([options, instructionSets]));
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  return hash.digest('hex').slice(0, 12);
}

const folderOf = (plan) =>
  join(plan.cache, `kernels-${kernelsVersion()}-tensorflow-${TENSORFLOW_VERSION}-${plan.machine}`);

/** The compiled library, or null if there is none. */
export function builtKernels(plan) {
  const file = join(folderOf(plan), KERNELS);
  return existsSync(file) ? file : null;
}

/** The fused kernels compute on the CPU. */
export const wantsKernels = (plan) => !plan.cuda && process.arch in instructionSets;

/**
 * Compiles the fused kernels of `kernels/` and keeps them in the cache. Without them everything works, only slower, so a failure is said
 * and then left at that.
 */
export async function buildKernels(plan) {
  if (!wantsKernels(plan) || builtKernels(plan)) return;
  try {
    await compile(plan);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`going on without the fused kernels, which make training faster. ${error.message}`);
  }
}

async function compile(plan) {
  const compiler = findCompiler({ make: false });
  const folder = partialPath(plan.cache, 'kernels');
  await mkdir(folder, { recursive: true });
  say('compiling the fused kernels (about 10 s)');
  const stop = keepSaying(() => '  still compiling');
  const object = async (source, name, more) => {
    const result = await runProgram(compiler, [
      ...options,
      ...more,
      '-c',
      join(sources, source),
      '-o',
      join(folder, name),
    ]);
    return { ...result, name };
  };
  const headers = [`-I${join(plan.tensorflowFolder, 'include')}`];
  const objects = await Promise.all([
    ...Object.entries(instructionSets[process.arch]).map(([set, flags]) =>
      object('compute.cc', `compute-${set}.o`, [...flags, `-DCOMPUTE=compute_${set}`, `-DINSTRUCTIONS="${set}"`]),
    ),
    ...['addon', 'operations', 'packed-memory', 'parallel'].map((name) => object(`${name}.cc`, `${name}.o`, headers)),
  ]);
  const linked = await runProgram(compiler, [
    '-shared',
    ...objects.map(({ name }) => join(folder, name)),
    `-L${join(plan.tensorflowFolder, 'lib')}`,
    ...Object.keys(LIBRARIES).map((library) => `-l:${library}`),
    // It lies beside TensorFlow.
    '-Wl,-rpath,$ORIGIN',
    '-lpthread',
    '-o',
    join(folder, KERNELS),
  ]);
  stop();
  const failed = [...objects, linked].find(({ ok }) => !ok);
  if (failed) {
    await rm(folder, { recursive: true, force: true });
    throw new SetupError(
      `They did not compile:\n${lastLines(failed.output)}`,
      'install a recent g++ or clang++ (or name it in CXX), then run this again',
    );
  }
  for (const { name } of objects) await rm(join(folder, name));
  await rm(folderOf(plan), { recursive: true, force: true });
  renameSync(folder, folderOf(plan));
}
