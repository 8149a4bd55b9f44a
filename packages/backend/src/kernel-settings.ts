import type { FusedKernelsReport } from './backend-report.js';
import { environment } from './import-at-run-time.js';

/** Set to `portable` to compute with the backend's own operations alone, for a comparison. */
export const KERNELS_VARIABLE = 'TFJS_PEFT_KERNELS';

/** What to say where fused kernels are not wanted. */
export function switchedOff(): FusedKernelsReport | undefined {
  if (environment(KERNELS_VARIABLE) !== 'portable') return undefined;
  return { active: false, why: `${KERNELS_VARIABLE}=portable switches them off`, fix: `unset ${KERNELS_VARIABLE}` };
}

/** The most megabytes of packed weights that are kept; `0` keeps none. */
export const PACKED_VARIABLE = 'TFJS_PEFT_PACKED_MB';

/** What {@link PACKED_VARIABLE} says, 1024 if it says nothing. */
export function packedLimit(): number {
  const set = Number(environment(PACKED_VARIABLE) || 1024);
  return Number.isFinite(set) ? Math.min(Math.max(Math.floor(set), 0), 1 << 20) : 1024;
}
