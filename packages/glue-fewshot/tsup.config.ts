import { ownModuleUrl, packageBuild } from '../../tools/build/package-build.js';

/**
 * Bundlers for the browser get an entry without the parts that need Node. The reader of Parquet files is an entry of its own: child processes start from it.
 */
export default packageBuild({
  ...ownModuleUrl,
  external: ['#csv-parse'],
  entry: { index: 'src/index.ts', browser: 'src/browser.ts', 'parquet-process': 'src/parquet-process.ts' },
});
