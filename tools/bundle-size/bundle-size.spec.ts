import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is imported where it is needed alone is loaded then. */
const loadedLater: Plugin = {
  name: 'loaded-later',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^/ }, ({ path, kind }) => (kind === 'dynamic-import' ? { path, external: true } : undefined)),
};

/** Bytes that a page loads for some exports, minified and gzipped, TensorFlow.js left out. */
async function gzippedBytes(source: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    conditions: ['@tfjs-peft/source'],
    external: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
    plugins: [loadedLater],
    logLevel: 'silent',
  });
  return gzipSync(outputFiles[0]!.contents).length;
}

describe('the size of a page', () => {
  it('is below 60 kB for a simplex of prefixes with a head, files of HF peft read and written, names of modules left out', async () => {
    const bytes = await gzippedBytes(`
      export { compose, head, initialValues, loadAdapter, saveAdapter } from '@tfjs-peft/peft-core';
      export { prefix } from '@tfjs-peft/prefix';
      export { subspace } from '@tfjs-peft/subspace';`);
    expect(bytes).toBeLessThan(60_000);
  });

  it.each([
    ['@tfjs-peft/backend', 25_000],
    ['@tfjs-peft/eval/classifier', 60_000],
    ['@tfjs-peft/glue-fewshot', 60_000],
    ['@tfjs-peft/minilm/browser', 1_000],
    ['@tfjs-peft/train', 60_000],
  ])('of %s needs no module of Node and stays small', async (name, limit) => {
    expect(await gzippedBytes(`export * from '${name}';`)).toBeLessThan(limit);
  });
});
