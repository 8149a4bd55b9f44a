import { existsSync, readdirSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';
import { writeCommonJs } from './write-common-js.js';

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
 * The one build of every package: ESM and CommonJS with types for both, nothing bundled but the package itself. What subpaths share is there
 * once in both formats: a class that two subpaths know is the same class.
 */
export function packageBuild(options: Options = {}) {
  const common: Options = { entry: publicEntries(), target: 'node20', sourcemap: true, ...options };
  if (!existsSync('src/exports')) return defineConfig({ format: ['esm', 'cjs'], dts: true, clean: true, ...common });
  return defineConfig([
    {
      ...common,
      format: ['esm'],
      dts: true,
      clean: true,
      onSuccess: () => writeCommonJs(publicEntries(), common),
    },
    // The types of CommonJS alone: tsup's own way to share code there turns `import()` into `require()`, which finds no ESM.
    { ...common, format: ['cjs'], dts: { only: true } },
  ]);
}
