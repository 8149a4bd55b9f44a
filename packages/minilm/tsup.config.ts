import { ownModuleUrl, packageBuild } from '../../tools/build/package-build.js';

export default packageBuild({
  ...ownModuleUrl,
  entry: { index: 'src/index.ts', browser: 'src/browser.ts' },
});
