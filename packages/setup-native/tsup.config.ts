import { packageBuild } from '../../tools/build/package-build.js';

// A command runs as ESM; nobody requires it.
export default packageBuild({ entry: ['src/index.ts', 'src/main.ts'], format: ['esm'] });
