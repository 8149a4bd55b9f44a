import { existsSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { moveAside, readMarker } from './place-files.js';
import { ADDON, type SetupPlan } from './plan-setup.js';

/** Takes out of the package what a set-up put there, and puts back what had been there before. False if there was nothing of ours. */
export async function undoSetup(plan: SetupPlan): Promise<boolean> {
  const { deps, addon, before } = plan;
  if (readMarker(plan) === null) return false;
  // The addon first: without it the package says that its native part is missing, whatever an interruption leaves.
  await rm(addon, { force: true });
  await moveAside(deps);
  if (existsSync(join(before, 'deps'))) renameSync(join(before, 'deps'), deps);
  if (existsSync(join(before, ADDON))) {
    await mkdir(dirname(addon), { recursive: true });
    renameSync(join(before, ADDON), addon);
  }
  await rm(before, { recursive: true, force: true });
  for (const folder of [dirname(addon), dirname(dirname(addon))])
    if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
  return true;
}
