import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from '@jest/globals';

const entry = fileURLToPath(new URL('index.ts', import.meta.url));

describe('the package', () => {
  it('prints nothing of its own, whatever backend it takes', () => {
    const program = `const { selectBackend } = await import(${JSON.stringify(entry)});
      for (const backend of ['cpu', 'wasm', 'auto']) await selectBackend({ backend });
      console.log('done');`;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--conditions=@tfjs-peft/source', '--import=tsx', '--input-type=module', '--eval', program],
      {
        encoding: 'utf8',
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, NODE_OPTIONS: '' },
      },
    );
    expect({ stdout, stderr, status }).toEqual({ stdout: 'done\n', stderr: '', status: 0 });
  });

  it('can be bundled for a browser', async () => {
    const { warnings, metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['@tfjs-peft/source'],
      // What a page would load anyway; only our own imports are on trial.
      external: ['@tensorflow/*', 'zod'],
      logLevel: 'silent',
    });
    expect(warnings).toEqual([]);
    const outside = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.filter(({ external }) => external).map(({ path }) => path),
    );
    expect([...new Set(outside)].filter((path) => !path.startsWith('@tensorflow/tfjs') && path !== 'zod')).toEqual([]);
    expect(outside.filter((path) => path.startsWith('@tensorflow/tfjs-node'))).toEqual([]);
  });
});
