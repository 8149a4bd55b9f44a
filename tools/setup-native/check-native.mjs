import { fileURLToPath } from 'node:url';
import { lastLines, runProgram } from './run-program.mjs';

/**
 * Loads the package in a fresh process and multiplies two matrices there.
 *
 * @returns {Promise<{ ok: true, summary: string } | { ok: false, why: string }>}
 */
export async function checkNative(plan) {
  const probe = fileURLToPath(new URL('probe.cjs', import.meta.url));
  const { ok, output } = await runProgram(process.execPath, [probe, plan.packageFolder], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (!ok || !line) return { ok: false, why: lastLines(output) };
  const report = JSON.parse(line);
  if (!(report.largestError < 1e-3))
    return { ok: false, why: `    a matrix product is wrong by ${report.largestError}` };
  const device = plan.cuda && !report.isUsingGpuDevice ? ', but no CUDA device: it computes on the CPU' : '';
  const { instructions, why } = report.kernels;
  const kernels = instructions ? `fused kernels (${instructions})` : `no fused kernels: ${why}`;
  return {
    ok: true,
    summary: `${plan.packageName} works: TensorFlow ${report.tensorflow}, ${report.gflops.toFixed(0)} GFLOP/s (matrix product, float32)${device}; ${kernels}`,
  };
}
