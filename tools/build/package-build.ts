import { existsSync, readdirSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

/** Public entries of the package in the working directory: `src/index.ts`, and `src/exports/NAME.ts` for the subpath `./NAME`. */
export const publicEntries = (): Record<string, string> =>
  Object.fromEntries([
    ['index', 'src/index.ts'],
    ...(existsSync('src/exports') ? readdirSync('src/exports') : []).map((file) => [
      file.replace(/\.ts$/, ''),
      `src/exports/${file}`,
    ]),
  ]);

/**
 * The one build of every package: ESM and CommonJS with types for both, nothing bundled but the package itself. What entries share is one
 * module in both formats: a class that two subpaths know is the same class.
 */
export const packageBuild = (options: Options = {}) =>
  defineConfig({
    entry: publicEntries(),
    format: ['esm', 'cjs'],
    splitting: true,
    dts: true,
    clean: true,
    target: 'node20',
    sourcemap: true,
    ...options,
  });
