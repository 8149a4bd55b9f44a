import { fileURLToPath } from 'node:url';
import type { SetupPlan } from './plan-setup.js';
import { lastLines, runProgram } from './run-program.js';

/** Whether the native part works. */
export type CheckResult =
  | {
      readonly ok: true;
      readonly summary: string;
      /** False where the fused kernels are not used. */
      readonly fused: boolean;
    }
  | { readonly ok: false; readonly why: string };

/** What `probe.cjs` prints. */
interface ProbeReport {
  readonly largestError: number;
  readonly gflops: number;
  readonly tensorflow: string;
  readonly isUsingGpuDevice: boolean;
  readonly kernels: { readonly instructions?: string; readonly why?: string };
}

/** Loads the package in a fresh process and multiplies two matrices there. */
export async function checkNative({ packageFolder, packageName, cuda }: SetupPlan): Promise<CheckResult> {
  const probe = fileURLToPath(new URL('../native/probe.cjs', import.meta.url));
  const { ok, output } = await runProgram(process.execPath, [probe, packageFolder], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (!ok || !line) return { ok: false, why: lastLines(output) };
  const report = JSON.parse(line) as ProbeReport;
  if (!(report.largestError < 1e-3))
    return { ok: false, why: `    a matrix product is wrong by ${report.largestError}` };
  const device = cuda && !report.isUsingGpuDevice ? ', but no CUDA device: it computes on the CPU' : '';
  const { instructions, why } = report.kernels;
  const kernels = instructions ? `fused kernels (${instructions})` : `no fused kernels: ${why}`;
  return {
    ok: true,
    fused: instructions !== undefined,
    summary: `${packageName} works: TensorFlow ${report.tensorflow}, ${report.gflops.toFixed(0)} GFLOP/s (matrix product, float32)${device}; ${kernels}`,
  };
}
