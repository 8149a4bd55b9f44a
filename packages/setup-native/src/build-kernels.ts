import { renameSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findCompiler } from './build-addon.js';
import { cachedKernels, readyKernels } from './compiled-files.js';
import { compileOptions, instructionSets, kernelSources as sources, KERNELS, wantsKernels } from './kernel-sources.js';
import { partialPath } from './partial-folders.js';
import { LIBRARIES, type SetupPlan } from './plan-setup.js';
import { lastLines, runProgram } from './run-program.js';
import { SetupError, keepSaying } from './say.js';

/**
 * Compiles the fused kernels of `kernels/` and keeps them in the cache. Without them everything works, only slower, so a failure is said
 * and then left at that.
 */
export async function buildKernels(plan: SetupPlan): Promise<void> {
  if (!wantsKernels(plan) || readyKernels(plan)) return;
  try {
    await compile(plan);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    plan.say(`going on without the fused kernels, which make training faster. ${error.message}`);
  }
}

async function compile(plan: SetupPlan): Promise<void> {
  const compiler = findCompiler({ make: false });
  const folder = partialPath(plan.cache, 'kernels');
  await mkdir(folder, { recursive: true });
  plan.say('compiling the fused kernels (about 10 s)');
  const stop = keepSaying(plan.say, () => '  still compiling');
  const object = async (source: string, name: string, more: readonly string[]) => {
    const result = await runProgram(compiler, [
      ...compileOptions,
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
    ...Object.entries(instructionSets[process.arch]!).map(([set, flags]) =>
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
  await rm(cachedKernels(plan), { recursive: true, force: true });
  renameSync(folder, cachedKernels(plan));
}
