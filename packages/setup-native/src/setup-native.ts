import { rm } from 'node:fs/promises';
import { buildAddon } from './build-addon.js';
import { buildKernels } from './build-kernels.js';
import { type CheckResult, checkNative } from './check-native.js';
import { compiledPackageName, readyAddon, readyKernels, usesCompiledPackage } from './compiled-files.js';
import { describeSetup } from './describe-setup.js';
import { downloadUpstream } from './download-upstream.js';
import { fetchTensorflow, hasTensorflow } from './fetch-tensorflow.js';
import { wantsKernels } from './kernel-sources.js';
import { removeUnfinished } from './partial-folders.js';
import { hasKernelsInPlace, isInPlace, placeFiles, readMarker } from './place-files.js';
import { COMMAND, type PlanOptions, planSetup, type SetupPlan } from './plan-setup.js';
import { endPrograms } from './run-program.js';
import { SetupError } from './say.js';
import { undoSetup } from './undo-setup.js';

/** What is to be done. */
export interface SetupOptions extends PlanOptions {
  /** Only looks whether the native part works. */
  readonly check?: boolean;
  /** Takes out again what was put in. */
  readonly undo?: boolean;
  /** Only says what would be done. */
  readonly dryRun?: boolean;
}

/** What was done, or would be. */
export interface SetupResult {
  /** Lines for the user. */
  readonly lines: readonly string[];
}

/**
 * Gives `@tensorflow/tfjs-node` (with `cuda` its CUDA twin) in a project the TensorFlow and the fused kernels that this package is for, or takes
 * them out again. Nothing but that package's folder and the cache is changed. Errors: {@link SetupError}.
 */
export async function setUpNative(options: SetupOptions): Promise<SetupResult> {
  const plan = planSetup(options);
  try {
    if (options.check) return shown(await checkNative(plan));
    if (options.undo) return { lines: await undo(plan) };
    if (options.dryRun) return { lines: options.upstream ? describeUpstream(plan) : describeSetup(plan) };
    if (options.upstream) return shown(await useUpstream(plan));
    return await setUp(plan);
  } finally {
    removeUnfinished();
  }
}

/** Ends what a set-up has started and removes what it has not finished: for a process that is asked to stop. */
export function abandonSetup(): void {
  endPrograms();
  removeUnfinished();
}

async function setUp(plan: SetupPlan): Promise<SetupResult> {
  if (isInPlace(plan)) {
    const found = await checkNative(plan);
    if (found.ok && (hasKernelsInPlace(plan) || !(await addKernels(plan)))) return shown(found, 'already in place; ');
    if (found.ok) return shown(await checkNative(plan), '', changesOf(plan));
    plan.say(`in place but not working, setting it up again:\n${found.why}`);
    await rm(plan.addonFolder, { recursive: true, force: true });
  }
  const found = await placeAll(plan);
  if (!usesCompiledPackage(plan) || (found.ok && (found.fused || !wantsKernels(plan))))
    return shown(found, '', changesOf(plan));
  const why = found.ok ? found.summary : found.why;
  plan.say(`what ${compiledPackageName(plan)} has compiled does not run here, so it is compiled anew:\n${why}`);
  return shown(await placeAll({ ...plan, compileHere: true }), '', changesOf(plan));
}

async function placeAll(plan: SetupPlan): Promise<CheckResult> {
  await fetchTensorflow(plan);
  await buildAddon(plan);
  await buildKernels(plan);
  plan.say('putting it into node_modules');
  await placeFiles(plan);
  return checkNative(plan);
}

/** Puts the fused kernels into a package that is otherwise complete; false if they cannot be had. */
async function addKernels(plan: SetupPlan): Promise<boolean> {
  await buildKernels(plan);
  if (!readyKernels(plan)) return false;
  plan.say('putting the fused kernels into node_modules');
  await placeFiles(plan);
  return true;
}

async function useUpstream(plan: SetupPlan): Promise<CheckResult> {
  const hadOurs = await undoSetup(plan);
  const found = await checkNative(plan);
  if (found.ok) return found;
  try {
    await downloadUpstream(plan);
  } catch (error) {
    if (hadOurs && hasTensorflow(plan) && readyAddon(plan)) await placeFiles(plan);
    throw error;
  }
  return checkNative(plan);
}

const describeUpstream = ({ packageName, deps, addon }: SetupPlan): readonly string[] => [
  `would let ${packageName} download its own library (libtensorflow 2.9.1, not pinned by a hash), unless it works already`,
  `would write ${deps} and ${addon}`,
];

async function undo(plan: SetupPlan): Promise<readonly string[]> {
  const hadBefore = readMarker(plan) !== null;
  if (!hadBefore) return [`nothing to undo: ${plan.packageFolder} holds nothing of this command`];
  await undoSetup(plan);
  return [
    `${plan.packageFolder} is as it was before`,
    `what was downloaded and compiled stays in ${plan.cache}, which other projects may use; remove that folder if none does`,
  ];
}

const changesOf = ({ deps, addon }: SetupPlan): readonly string[] => [
  `changed: ${deps} and ${addon}`,
  `\`${COMMAND} --undo\` takes it back; after \`npm ci\` run it again (two seconds, nothing is downloaded twice)`,
];

function shown(result: CheckResult, note = '', changes: readonly string[] = []): SetupResult {
  if (result.ok) return { lines: [`${note}${result.summary}`, ...changes] };
  throw new SetupError(
    `The native part does not work:\n${result.why}`,
    `run \`${COMMAND}\`; the wasm backend works without it`,
  );
}
