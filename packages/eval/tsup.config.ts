import { ownModuleUrl, packageBuild, publicEntries } from '../../tools/build/package-build.js';

/**
 * The workers and the reader of columns are entries of their own: child processes start from them.
 */
export default packageBuild({
  ...ownModuleUrl,
  entry: {
    ...publicEntries(),
    'run-trial-worker': 'src/experiment/run-trial-worker.ts',
    'kernel-worker': 'src/kernel/kernel-worker.ts',
    'column-process': 'src/records/column-process.ts',
  },
});
