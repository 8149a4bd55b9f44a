import { packageBuild } from '../../tools/build/package-build.js';

/** Gives the CommonJS build its own `import.meta.url`, also in folders whose names have `#`, `%` or spaces (tsup's `shims` fail there). */
export default packageBuild({
  esbuildOptions(options, { format }) {
    if (format !== 'cjs') return;
    options.define = { ...options.define, 'import.meta.url': 'moduleUrl' };
    options.banner = { js: `"use strict";\nconst moduleUrl = require('node:url').pathToFileURL(__filename).href;` };
  },
});
