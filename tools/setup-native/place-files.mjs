import { copyFileSync, existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ADDON, linkTensorflow } from './build-addon.mjs';
import { KERNELS, KERNELS_MODULE, builtKernels, kernelsVersion, wantsKernels } from './build-kernels.mjs';
import { LIBRARIES, QUIET_LIBRARY, TENSORFLOW_VERSION } from './plan-setup.mjs';
import { partialPath, removeLeftovers } from './partial-folders.mjs';
import { SetupError } from './say.mjs';

const MARKER = 'setup-native.json';

/** True if the package holds the addon and every link leads somewhere; whether it works is for the check to say. */
export function isInPlace(plan) {
  const files = [...Object.values(LIBRARIES).flat(), QUIET_LIBRARY].map((name) => join(plan.deps, 'lib', name));
  // existsSync follows links, so a cleared cache shows here.
  return (
    readMarker(plan)?.tensorflow === TENSORFLOW_VERSION && [...files, plan.addon].every((file) => existsSync(file))
  );
}

/** True if the package holds the fused kernels of these sources, or is not meant to. */
export const hasKernelsInPlace = (plan) =>
  !wantsKernels(plan) ||
  (readMarker(plan)?.kernels === kernelsVersion() && existsSync(join(plan.deps, 'lib', KERNELS)));

/** What put the native part there: this script (`{ tensorflow }`), or null for the package's own download or nothing. */
export function readMarker(plan) {
  try {
    return JSON.parse(readFileSync(join(plan.deps, MARKER), 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Puts links and addon into the package. Everything is prepared under another name and then renamed, the addon last,
 * so that an interruption leaves either the old state or a package that says its addon is missing.
 */
export async function placeFiles(plan) {
  try {
    await removeLeftovers(plan.packageFolder);
    const fresh = partialPath(plan.packageFolder, 'deps');
    await linkTensorflow(plan, fresh);
    copyFileSync(join(plan.addonFolder, QUIET_LIBRARY), join(fresh, 'lib', QUIET_LIBRARY));
    const kernels = builtKernels(plan);
    if (kernels) {
      copyFileSync(kernels, join(fresh, 'lib', KERNELS));
      writeFileSync(join(fresh, KERNELS_MODULE), `module.exports = require('./lib/${KERNELS}');\n`);
    }
    const marker = {
      tensorflow: TENSORFLOW_VERSION,
      machine: plan.machine,
      ...(kernels ? { kernels: kernelsVersion() } : {}),
    };
    writeFileSync(join(fresh, MARKER), `${JSON.stringify(marker)}\n`);
    await rm(plan.addon, { force: true });
    await moveAside(plan.deps);
    renameSync(fresh, plan.deps);
    await mkdir(dirname(plan.addon), { recursive: true });
    const copy = partialPath(dirname(plan.addon), 'addon');
    copyFileSync(join(plan.addonFolder, ADDON), copy);
    renameSync(copy, plan.addon);
  } catch (error) {
    if (['ENOENT', 'EEXIST', 'ENOTEMPTY'].includes(error.code)) {
      throw new SetupError(`${error.path} changed meanwhile: another set-up ran at the same time`, 'run this again');
    }
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(error.code)) throw error;
    throw new SetupError(
      `${plan.packageFolder} cannot be written (${error.code})`,
      'make node_modules writable and check the disk space, then run this again',
    );
  }
}

/** Removes `folder` without ever leaving it half deleted under its own name. */
export async function moveAside(folder) {
  if (!lstatSync(folder, { throwIfNoEntry: false })) return;
  const aside = partialPath(dirname(folder), 'old');
  renameSync(folder, aside);
  await rm(aside, { recursive: true, force: true });
}
