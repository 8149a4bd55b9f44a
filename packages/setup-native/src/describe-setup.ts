import { existsSync } from 'node:fs';
import { findCompiler } from './build-addon.js';
import { compiledPackageName, readyAddon, readyKernels, usesCompiledPackage } from './compiled-files.js';
import { CUDA_LIBRARIES } from './cuda-libraries.js';
import { findPython, hasTensorflow } from './fetch-tensorflow.js';
import { wantsKernels } from './kernel-sources.js';
import { hasKernelsInPlace, isInPlace, readMarker } from './place-files.js';
import { type SetupPlan, TENSORFLOW_VERSION } from './plan-setup.js';

/** What a set-up would do now, one line each; changes nothing. Errors: programs that it would miss. */
export function describeSetup(plan: SetupPlan): readonly string[] {
  if (isInPlace(plan) && hasKernelsInPlace(plan)) return ['everything is in place: nothing would change'];
  return [...downloads(plan), ...compiles(plan), ...writes(plan)];
}

function downloads(plan: SetupPlan): string[] {
  if (hasTensorflow(plan)) return [`TensorFlow ${TENSORFLOW_VERSION} is in ${plan.cache}: nothing would be downloaded`];
  findPython();
  const { project, megabytes, sha256 } = plan.wheel!;
  const wheel = `would download ${project} ${TENSORFLOW_VERSION} with pip into ${plan.cache}: ${megabytes} MB, sha256 ${sha256}`;
  return plan.cuda
    ? [wheel, `would download ${CUDA_LIBRARIES.length} NVIDIA libraries, also pinned by sha256: about 2.5 GB`]
    : [wheel];
}

function compiles(plan: SetupPlan): string[] {
  const what = [
    ...(readyAddon(plan) ? [] : ['the addon of tfjs-node']),
    ...(wantsKernels(plan) && !readyKernels(plan) ? ['the fused kernels'] : []),
  ];
  if (what.length > 0) return [`would compile ${what.join(' and ')} with ${findCompiler()}`];
  return [
    usesCompiledPackage(plan)
      ? `would take what ${compiledPackageName(plan)} has compiled`
      : `all that is compiled is in ${plan.cache}: nothing would be compiled`,
  ];
}

function writes(plan: SetupPlan): string[] {
  const { deps, addon, before } = plan;
  const keeps = readMarker(plan) === null && (existsSync(deps) || existsSync(addon));
  return [
    ...(keeps ? [`would keep what is there now in ${before}`] : []),
    `would write ${deps} and ${addon}`,
    'would change nothing else; --undo takes it back',
  ];
}
