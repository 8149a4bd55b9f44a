// The fused kernels as WebAssembly, from the sources that setup-native compiles: npm run build:wasm-kernels
// The compiler is Zig's clang, a package of the Python Package Index. The module is position-independent, because it lives in the memory of
// tfjs-backend-wasm, which decides where there is room.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelSources } from '../../packages/setup-native/src/kernel-sources.js';
import { cacheFolder } from '../../packages/setup-native/src/plan-setup.js';
import { here, sourcesHash, wasmFile, wasmHashFile, wasmOptions, ZIG_VERSION } from './kernel-module.js';

const zig = join(cacheFolder(), `ziglang-${ZIG_VERSION}`);
if (!existsSync(join(zig, 'ziglang'))) {
  console.log(`fetching ziglang ${ZIG_VERSION} (100 MB)`);
  execFileSync('python3', ['-m', 'pip', 'install', '--quiet', '--target', zig, `ziglang==${ZIG_VERSION}`], {
    stdio: 'inherit',
  });
}
const run = (...given: string[]) =>
  execFileSync('python3', ['-m', 'ziglang', ...given], {
    stdio: 'inherit',
    env: { ...process.env, PYTHONPATH: zig },
  });

const folder = mkdtempSync(join(tmpdir(), 'wasm-kernels-'));
try {
  const objects = [
    [join(kernelSources, 'compute.cc'), '-DCOMPUTE=compute_wasm', '-DINSTRUCTIONS="WebAssembly SIMD"'],
    [join(here, 'kernels.cc')],
  ].map(([source = '', ...defines], index) => {
    const object = join(folder, `${index}.o`);
    run(
      'c++',
      ...wasmOptions,
      `-I${join(here, 'freestanding')}`,
      `-I${kernelSources}`,
      ...defines,
      '-c',
      source,
      '-o',
      object,
    );
    return object;
  });
  const linking = ['-shared', '--experimental-pic', '--no-entry', '--import-memory', '--strip-all'];
  mkdirSync(join(wasmFile, '..'), { recursive: true });
  run('wasm-ld', ...linking, '-o', wasmFile, ...objects);
  chmodSync(wasmFile, 0o644);
  writeFileSync(wasmHashFile, `${sourcesHash()}\n`);
  console.log(`${wasmFile}: ${readFileSync(wasmFile).length} bytes`);
} finally {
  rmSync(folder, { recursive: true });
}
