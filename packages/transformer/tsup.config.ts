import { packageBuild } from '../../tools/build/package-build.js';

/** Two entries: `browser` is `index` without the parts that need Node. */
export default packageBuild({ entry: ['src/index.ts', 'src/browser.ts'] });
