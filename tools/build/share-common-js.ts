import { rm, writeFile } from 'node:fs/promises';
import { build, type BuildOptions } from 'esbuild';
import type { Options } from 'tsup';

/**
 * CommonJS for a package with subpaths, in the place of the bundles that tsup made of each: `dist/all.cjs` has the code of all entries once,
 * `dist/NAME.cjs` names what the subpath exports of it. (With `splitting` tsup turns `import()` into `require()`, which finds no ESM.)
 */
export async function shareCommonJs(
  entries: Readonly<Record<string, string>>,
  { esbuildOptions }: Options,
): Promise<void> {
  const shared: BuildOptions = { bundle: true, platform: 'node', packages: 'external', target: 'node20' };
  const all = Object.values(entries).map((path) => `export * from './${path}';`);
  const commonJs: BuildOptions = {
    ...shared,
    stdin: { contents: all.join('\n'), resolveDir: '.', sourcefile: 'all.ts', loader: 'ts' },
    format: 'cjs',
    sourcemap: true,
    outfile: 'dist/all.cjs',
  };
  esbuildOptions?.(commonJs, { format: 'cjs' });
  await build(commonJs);
  const listing: BuildOptions = { ...shared, entryPoints: { ...entries }, format: 'esm', outdir: 'dist', write: false };
  const { metafile } = await build({ ...listing, metafile: true });
  for (const name of Object.keys(entries)) {
    // As statements that Node's search for named exports understands.
    const lines = metafile.outputs[`dist/${name}.js`]!.exports.map((each) => `exports.${each} = all.${each};`);
    await writeFile(`dist/${name}.cjs`, `'use strict';\nconst all = require('./all.cjs');\n${lines.join('\n')}\n`);
    await rm(`dist/${name}.cjs.map`, { force: true });
  }
}
