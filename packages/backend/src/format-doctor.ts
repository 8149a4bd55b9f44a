import { PACKED_VARIABLE } from './kernel-settings.js';
import type { CandidateExamination, DoctorReport } from './doctor.js';

/** The doctor's report as plain text for a terminal, without a final newline. */
export function formatDoctor(report: DoctorReport): string {
  const { machine } = report;
  const memory = machine.memory ? `, ${gigabytes(machine.memory)} memory (${gigabytes(machine.freeMemory)} free)` : '';
  const head = [
    `${machine.runtime} on ${machine.platform}, ${machine.cpus} × ${machine.cpu}${memory}`,
    `TensorFlow.js ${report.tfjs}; best backend here: ${report.best}`,
  ];
  const caches = report.caches.map(({ what, path, exists }) => `  ${what}: ${path}${exists ? '' : ' (empty)'}`);
  return [
    ...head,
    '',
    'Backends, fastest first (GFLOP/s of a float32 matrix product: plain, second and first factor transposed)',
    ...report.candidates.flatMap(candidateLines),
    ...(caches.length ? ['', 'Caches', ...caches] : []),
    ...(report.hint ? ['', report.hint] : []),
  ].join('\n');
}

function candidateLines(found: CandidateExamination): string[] {
  const name = found.candidate.padEnd(14);
  if (!found.usable) {
    return [`  no   ${name} ${found.why}`, ...(found.fix ? [`${' '.repeat(22)}to fix: ${found.fix}`] : [])];
  }
  const speeds = found.gflops && [found.gflops.plain, found.gflops.transposeB, found.gflops.transposeA];
  const facts = [
    speeds?.map((speed) => speed.toPrecision(3)).join(' / '),
    found.engine ?? `${found.package ?? ''} ${found.version ?? ''}`.trim(),
    `${found.kernels} kernels`,
    `${found.threads} ${found.threads === 1 ? 'thread' : 'threads'}`,
  ];
  return [
    `  yes  ${name} ${facts.filter(Boolean).join(', ')}`,
    ...kernelLines(found.fusedKernels),
    ...(found.cures ?? []).map((cure) => `${' '.repeat(22)}cured: ${cure}`),
  ];
}

function kernelLines(kernels: CandidateExamination['fusedKernels']): string[] {
  if (!kernels) return [];
  const indent = ' '.repeat(22);
  const packed = kernels.packedWeights;
  return [
    `${indent}fused kernels: ${kernels.active ? 'active' : 'not active'}, ${kernels.why}`,
    ...(packed
      ? [`${indent}packed weights: ${packed.megabytes.toFixed(0)} of at most ${packed.limit} MB (${PACKED_VARIABLE})`]
      : []),
    ...(kernels.fix ? [`${indent}to fix: ${kernels.fix}`] : []),
  ];
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
