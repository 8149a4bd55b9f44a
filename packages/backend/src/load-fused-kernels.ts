import type { FusedKernelsReport } from './backend-report.js';
import { SETUP_NATIVE } from './describe-load-failure.js';
import { importAtRunTime } from './import-at-run-time.js';
import { packedLimit, switchedOff } from './kernel-settings.js';
import { nativeOperationNames, registerNativeOperations, unregisterNativeOperations } from './native-operations.js';

/** Where `tfjs-peft setup-native` puts them, inside tfjs-node. */
const place = 'deps/tfjs-peft-kernels.cjs';

/** What the library says of itself. */
interface KernelLibrary {
  readonly instructions: string;
  readonly threads: number;
  /** Names with a comma after each. */
  readonly operations?: string;
  /** How much memory packed weights take now. */
  readonly packedMegabytes?: () => number;
}

/** A library that was compiled for another version of this package may lack an operation. */
export function reportOf({
  instructions,
  threads,
  operations = '',
  packedMegabytes,
}: KernelLibrary): FusedKernelsReport {
  const missing = nativeOperationNames.filter((name) => !operations.split(',').includes(name));
  if (missing.length > 0)
    return {
      active: false,
      why: `they were compiled for another version of tfjs-peft, without ${missing.join(', ')}`,
      fix: SETUP_NATIVE,
    };
  return {
    active: true,
    why: `${instructions}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    ...(packedMegabytes && { packedWeights: { megabytes: packedMegabytes(), limit: packedLimit() } }),
  };
}

/**
 * Loads the fused kernels that `tfjs-peft setup-native` compiled beside TensorFlow, if they are there and wanted. TensorFlow must have been loaded.
 * Without them everything computes the same with more and slower operations.
 */
export async function loadFusedKernels(packageName: string): Promise<FusedKernelsReport> {
  const off = switchedOff();
  if (off) {
    unregisterNativeOperations();
    return off;
  }
  if (packageName.endsWith('-gpu')) return { active: false, why: 'they compute on the CPU only' };
  try {
    const module = await importAtRunTime(`${packageName}/${place}`);
    const report = reportOf(module['default'] as KernelLibrary);
    if (report.active) registerNativeOperations();
    return report;
  } catch (error) {
    const { message } = error as { message?: string };
    const absent = String(message).includes(place);
    return {
      active: false,
      why: absent ? 'they are not installed' : `they do not load: ${String(message).split('\n', 1)[0]}`,
      fix: SETUP_NATIVE,
    };
  }
}
