import { packageBuild, publicEntries } from '../../tools/build/package-build.js';

/**
 * The worker and the reader of columns are entries of their own: child processes start from them. The CommonJS build gets its own `import.meta.url`, also in folders
 * whose names have `#`, `%` or spaces (tsup's `shims` fail there).
 */
export default packageBuild({
  entry: {
    ...publicEntries(),
    'run-trial-worker': 'src/experiment/run-trial-worker.ts',
    'column-process': 'src/records/column-process.ts',
  },
  esbuildOptions(options, { format }) {
    if (format !== 'cjs') return;
    options.define = { ...options.define, 'import.meta.url': 'moduleUrl' };
    options.banner = { js: `"use strict";\nconst moduleUrl = require('node:url').pathToFileURL(__filename).href;` };
  },
});
