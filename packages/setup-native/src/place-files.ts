import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { linkTensorflow } from './build-addon.js';
import { readyAddon, readyKernels } from './compiled-files.js';
import { KERNELS, KERNELS_MODULE, kernelsVersion, wantsKernels } from './kernel-sources.js';
import { ADDON, LIBRARIES, QUIET_LIBRARY, type SetupPlan, TENSORFLOW_VERSION } from './plan-setup.js';
import { partialPath, removeLeftovers } from './partial-folders.js';
import { SetupError, codeOf } from './say.js';

const MARKER = 'setup-native.json';

/** True if the package holds the addon and every link leads somewhere; whether it works is for the check to say. */
export function isInPlace(plan: SetupPlan): boolean {
  const files = [...Object.values(LIBRARIES).flat(), QUIET_LIBRARY].map((name) => join(plan.deps, 'lib', name));
  // existsSync follows links, so a cleared cache shows here.
  return (
    readMarker(plan)?.tensorflow === TENSORFLOW_VERSION && [...files, plan.addon].every((file) => existsSync(file))
  );
}

/** True if the package holds the fused kernels of these sources, or is not meant to. */
export const hasKernelsInPlace = (plan: SetupPlan): boolean =>
  !wantsKernels(plan) ||
  (readMarker(plan)?.kernels === kernelsVersion() && existsSync(join(plan.deps, 'lib', KERNELS)));

/** What put the native part there: this script (`{ tensorflow }`), or null for the package's own download or nothing. */
export function readMarker(plan: SetupPlan): { readonly tensorflow?: string; readonly kernels?: string } | null {
  try {
    return JSON.parse(readFileSync(join(plan.deps, MARKER), 'utf8')) as { tensorflow?: string; kernels?: string };
  } catch {
    return null;
  }
}

/**
 * Puts links and addon into the package. Everything is prepared under another name and then renamed, the addon last and over the one that is there:
 * whatever fails before leaves the package as it was, and it is never without an addon that it had.
 */
export async function placeFiles(plan: SetupPlan): Promise<void> {
  const addon = readyAddon(plan)!;
  try {
    for (const folder of [plan.packageFolder, plan.before, dirname(plan.addon)])
      if (existsSync(folder)) await removeLeftovers(folder);
    const fresh = partialPath(plan.packageFolder, 'deps');
    await linkTensorflow(plan, fresh);
    copyFileSync(join(addon, QUIET_LIBRARY), join(fresh, 'lib', QUIET_LIBRARY));
    const kernels = wantsKernels(plan) ? readyKernels(plan) : undefined;
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
    await mkdir(dirname(plan.addon), { recursive: true });
    const copy = partialPath(dirname(plan.addon), 'addon');
    copyFileSync(join(addon, ADDON), copy);
    if (!readMarker(plan)) keepBefore(plan);
    replaceFolder(fresh, plan.deps);
    renameSync(copy, plan.addon);
  } catch (error) {
    if (['ENOENT', 'EEXIST', 'ENOTEMPTY'].includes(codeOf(error))) {
      throw new SetupError(
        `${(error as NodeJS.ErrnoException).path} changed meanwhile: another set-up ran at the same time`,
        'run this again',
      );
    }
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(codeOf(error))) throw error;
    throw new SetupError(
      `${plan.packageFolder} cannot be written (${codeOf(error)})`,
      'make node_modules writable and check the disk space, then run this again',
    );
  }
}

/**
 * Keeps what another hand had put there, such as the package's own download, for undoing. It is newer than what an earlier set-up kept, except for an
 * addon of ours: a download leaves the one that it finds.
 */
function keepBefore({ deps, addon, before }: SetupPlan): void {
  if (isThere(addon) || isThere(deps)) mkdirSync(before, { recursive: true });
  if (isThere(addon) && !isOurs(addon)) {
    const copy = partialPath(before, 'addon');
    cpSync(addon, copy, { verbatimSymlinks: true });
    renameSync(copy, join(before, ADDON));
  }
  if (isThere(deps)) replaceFolder(deps, join(before, 'deps'));
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** An addon that a set-up has compiled needs the library that comes with it. */
const isOurs = (addon: string): boolean => existsSync(addon) && readFileSync(addon).includes(QUIET_LIBRARY);

/** Renames `folder` to `place`. What was there is removed with all that is unfinished, so that nothing comes between the two names. */
function replaceFolder(folder: string, place: string): void {
  if (isThere(place)) renameSync(place, partialPath(dirname(place), 'old'));
  renameSync(folder, place);
}

/** Removes `folder` without ever leaving it half deleted under its own name. */
export async function moveAside(folder: string): Promise<void> {
  if (!isThere(folder)) return;
  const aside = partialPath(dirname(folder), 'old');
  renameSync(folder, aside);
  await rm(aside, { recursive: true, force: true });
}
