import { beforeAll } from '@jest/globals';
import { selectBackend } from '@tfjs-peft/backend';
import type { BackendChoice, BackendReport } from '@tfjs-peft/backend';

/** The backend that suites run on: `TFJS_PEFT_TEST_BACKEND`, by default wasm, which every machine has. */
export const testBackendName = (process.env['TFJS_PEFT_TEST_BACKEND'] || 'wasm') as BackendChoice;

/**
 * Call once at the top of a suite: before its first test, the backend named by `TFJS_PEFT_TEST_BACKEND` (wasm, tensorflow, cpu, ...) is
 * loaded, repaired and made current. A backend that was asked for and does not work fails the suite.
 *
 * @returns a function that gives the report, for use inside tests
 */
export function useTestBackend(backend: BackendChoice = testBackendName): () => BackendReport {
  let report: BackendReport | undefined;
  beforeAll(async () => {
    report = await selectBackend({ backend });
  });
  return () => {
    if (!report) throw new Error('the backend is ready only inside tests');
    return report;
  };
}

/** Another backend in the middle of a suite. */
export const switchBackend = (backend: BackendChoice): Promise<BackendReport> => selectBackend({ backend });
