import { writeFile } from 'node:fs/promises';
import { build, type BuildOptions } from 'esbuild';
import type { Options } from 'tsup';

/**
 * CommonJS for a package with subpaths: `dist/all.cjs` has the code of all entries once, `dist/NAME.cjs` names what the subpath exports of
 * it. Entries of the package that are not public, which start processes of their own, are bundles of their own.
 */
export async function writeCommonJs(entries: Readonly<Record<string, string>>, options: Options): Promise<void> {
  const shared: BuildOptions = {
    bundle: true,
    platform: 'node',
    packages: 'external',
    target: options.target as string,
    outdir: 'dist',
    logLevel: 'warning',
  };
  const commonJs: BuildOptions = { ...shared, format: 'cjs', sourcemap: true, outExtension: { '.js': '.cjs' } };
  options.esbuildOptions?.(commonJs, { format: 'cjs' });
  const all = Object.values(entries).map((path) => `export * from './${path}';`);
  const rest = Object.entries(options.entry as Record<string, string>).filter(([name]) => !(name in entries));
  await build({ ...commonJs, entryPoints: Object.fromEntries(rest) });
  await build({
    ...commonJs,
    stdin: { contents: all.join('\n'), resolveDir: '.', sourcefile: 'all.ts', loader: 'ts' },
    outdir: undefined,
    outExtension: undefined,
    outfile: 'dist/all.cjs',
  });
  const { metafile } = await build({
    ...shared,
    entryPoints: { ...entries },
    format: 'esm',
    write: false,
    metafile: true,
  });
  for (const name of Object.keys(entries)) {
    // As statements that Node's search for named exports understands.
    const lines = metafile.outputs[`dist/${name}.js`]!.exports.map((each) => `exports.${each} = all.${each};`);
    await writeFile(`dist/${name}.cjs`, `'use strict';\nconst all = require('./all.cjs');\n${lines.join('\n')}\n`);
  }
}
