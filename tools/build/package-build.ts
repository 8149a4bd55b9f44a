import { existsSync, readdirSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';
import { shareCommonJs } from './share-common-js.js';

const subpaths = 'src/exports';

/** Public entries of the package in the working directory: `src/index.ts`, and `src/exports/NAME.ts` for the subpath `./NAME`. */
export const publicEntries = (): Record<string, string> =>
  Object.fromEntries([
    ['index', 'src/index.ts'],
    ...(existsSync(subpaths) ? readdirSync(subpaths) : []).map((file) => [
      file.replace(/\.ts$/, ''),
      `${subpaths}/${file}`,
    ]),
  ]);

/**
 * The one build of every package: ESM and CommonJS with types for both, nothing bundled but the package itself. What subpaths share is there
 * once in both formats: a class that two subpaths know is the same class.
 */
export const packageBuild = (options: Options = {}) =>
  defineConfig({
    entry: publicEntries(),
    format: ['esm', 'cjs'],
    dts: true,
    clean: true,
    target: 'node20',
    sourcemap: true,
    ...(existsSync(subpaths) && { onSuccess: () => shareCommonJs(publicEntries(), options) }),
    ...options,
  });

/** Gives the CommonJS build its own `import.meta.url`, also in folders whose names have `#`, `%` or spaces (tsup's `shims` fail there). */
export const ownModuleUrl: Pick<Options, 'esbuildOptions'> = {
  esbuildOptions(options, { format }) {
    if (format !== 'cjs') return;
    options.define = { ...options.define, 'import.meta.url': 'moduleUrl' };
    options.banner = { js: `"use strict";\nconst moduleUrl = require('node:url').pathToFileURL(__filename).href;` };
  },
};
