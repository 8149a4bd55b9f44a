import type { Options } from 'tsup';
import { packageBuild } from '../../tools/build/package-build.js';
import { unusedByTokenizers } from '../../tools/build/unused-by-tokenizers.js';

const leaveOut: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'leave-out',
  setup(build) {
    for (const [index, [filter, contents]] of unusedByTokenizers.entries()) {
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
