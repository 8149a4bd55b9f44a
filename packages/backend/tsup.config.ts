import { ownModuleUrl, packageBuild } from '../../tools/build/package-build.js';

/** What only Node can do is an entry of its own, in whose place bundlers for the browser take another. */
export default packageBuild({
  ...ownModuleUrl,
  external: ['#platform'],
  entry: {
    index: 'src/index.ts',
    'platform-node': 'src/platform-node.ts',
    'platform-browser': 'src/platform-browser.ts',
  },
});
