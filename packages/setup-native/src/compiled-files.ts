import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KERNELS, kernelsVersion } from './kernel-sources.js';
import { ADDON, findPackage, NAPI_VERSION, QUIET_LIBRARY, type SetupPlan, TENSORFLOW_VERSION } from './plan-setup.js';

/** Says in a package of compiled files what they were compiled for. */
export const COMPILED_FOR = 'compiled-for.json';

/** What compiled files fit: all of it must be the same where they are used. */
export const compiledFor = ({ packageVersion, machine }: SetupPlan) => ({
  machine,
  tfjsNode: packageVersion,
  napi: NAPI_VERSION,
  tensorflow: TENSORFLOW_VERSION,
});

/** The optional package with what would otherwise be compiled, for machines of one kind. */
export const compiledPackageName = ({ machine }: Pick<SetupPlan, 'machine'>): string => `@tfjs-peft/native-${machine}`;

/** Where this machine keeps the kernels that it compiles itself. */
export const cachedKernels = ({ cache, machine }: SetupPlan): string =>
  join(cache, `kernels-${kernelsVersion()}-tensorflow-${TENSORFLOW_VERSION}-${machine}`);

/** The folder of the installed package of compiled files that fit, if there is one. */
function compiledPackage(plan: SetupPlan): { readonly folder: string; readonly kernels?: string } | undefined {
  if (plan.compileHere) return undefined;
  const name = compiledPackageName(plan);
  const folder = findPackage(name, import.meta.url) ?? findPackage(name, join(plan.project, 'package.json'));
  if (folder === undefined) return undefined;
  try {
    const { kernels, ...others } = JSON.parse(readFileSync(join(folder, COMPILED_FOR), 'utf8')) as Record<
      string,
      unknown
    >;
    const fits = Object.entries(compiledFor(plan)).every(([key, value]) => others[key] === value);
    return fits ? { folder, ...(typeof kernels === 'string' && { kernels }) } : undefined;
  } catch {
    return undefined;
  }
}

/** The folder with an addon that needs no compiling: of an earlier run or of the package of compiled files. */
export const readyAddon = (plan: SetupPlan): string | undefined =>
  [plan.addonFolder, compiledPackage(plan)?.folder].find(
    (folder) => folder !== undefined && [ADDON, QUIET_LIBRARY].every((name) => existsSync(join(folder, name))),
  );

/** The library of these fused kernels, if it needs no compiling. */
export function readyKernels(plan: SetupPlan): string | undefined {
  const compiled = compiledPackage(plan);
  const folders = [cachedKernels(plan), compiled?.kernels === kernelsVersion() && compiled.folder];
  return folders
    .filter((folder) => folder !== undefined && folder !== false)
    .map((folder) => join(folder, KERNELS))
    .find((file) => existsSync(file));
}

/** True if something that is used comes from the package of compiled files. */
export const usesCompiledPackage = (plan: SetupPlan): boolean => {
  const folder = compiledPackage(plan)?.folder;
  return folder !== undefined && (readyAddon(plan) === folder || readyKernels(plan) === join(folder, KERNELS));
};
