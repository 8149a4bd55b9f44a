import type { Options } from 'tsup';
import { packageBuild } from '../../tools/build/package-build.js';

/** What the tokenizers of `@xenova/transformers` import and never use here. As dependencies they bring sharp and ONNX, which download at install time. */
const unused: readonly (readonly [RegExp, string])[] = [
  [/\/utils\/hub\.js$/, 'export const getModelJSON = undefined;'],
  [/\/backends\/onnx\.js$/, 'export const ONNX = { Tensor: class {} };'],
  [/^@huggingface\/jinja$/, 'export const Template = undefined;'],
];
const leaveOut: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'leave-out',
  setup(build) {
    for (const [index, [filter, contents]] of unused.entries()) {
      build.onResolve({ filter }, ({ importer }) =>
        importer.includes('@xenova') ? { path: String(index), namespace: 'left-out' } : undefined,
      );
      build.onLoad({ filter: new RegExp(`^${index}$`), namespace: 'left-out' }, () => ({ contents }));
    }
  },
};

/** Two entries: `browser` is `index` without the parts that need Node. The tokenizers are bundled: consumers install nothing for them. */
export default packageBuild({
  entry: ['src/index.ts', 'src/browser.ts'],
  noExternal: [/^@xenova\/transformers/],
  esbuildPlugins: [leaveOut],
});
