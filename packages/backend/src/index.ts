export type {
  BackendChoice,
  BackendName,
  BackendOptions,
  BackendReport,
  CandidateReport,
  FusedKernelsReport,
  WasmAddresses,
} from './backend-report.js';
export { backendChoices } from './backend-report.js';
export { doctor } from './doctor.js';
export type { CandidateExamination, DoctorOptions, DoctorReport } from './doctor.js';
export { formatDoctor } from './format-doctor.js';
export type { ProductSpeed } from './measure-product.js';
export { selectBackend } from './select-backend.js';
export { importQuietly } from './tensorflow-copies.js';
