import { defineConfig, type Options } from 'tsup';

/** The one build of every package: ESM and CommonJS with types for both, nothing bundled but the package itself. */
export const packageBuild = (options: Options = {}) =>
  defineConfig({
    entry: ['src/index.ts'],
    format: ['esm', 'cjs'],
    dts: true,
    clean: true,
    target: 'node20',
    sourcemap: true,
    ...options,
  });
