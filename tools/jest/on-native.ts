import { describe } from '@jest/globals';
import { testBackendName } from './use-test-backend.js';

/**
 * `describe` for what takes minutes on wasm and seconds on tfjs-node: `npm run test:native` runs it, and so does CI; elsewhere it is skipped with one
 * visible line.
 */
export const describeOnNative: typeof describe | typeof describe.skip =
  testBackendName === 'tensorflow' ? describe : describe.skip;

if (testBackendName !== 'tensorflow')
  process.stderr.write(
    'Skipped here, being slow on wasm: run it with npm run test:native (after npm run setup:native).\n',
  );
