import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelSources } from '../../packages/setup-native/src/kernel-sources.js';

export const ZIG_VERSION = '0.17.1';

export const here = fileURLToPath(new URL('.', import.meta.url));

/** The module, and a name for the sources it was made from. */
export const wasmFile = join(here, '../../packages/backend/kernels/tfjs-peft-kernels.wasm');
export const wasmHashFile = join(here, 'sources.sha256');

/** What every engine with SIMD reads; no C library. */
export const wasmOptions: readonly string[] = [
  ...['-target', 'wasm32-emscripten', '-O3', '-std=c++17', '-fPIC', '-fvisibility=hidden', '-ffreestanding'],
  ...['-fno-exceptions', '-fno-rtti', '-fno-math-errno', '-nostdinc++'],
  ...['-Xclang', '-target-cpu', '-Xclang', 'generic', '-mno-extended-const', '-msimd128', '-mbulk-memory'],
];

/** Of the sources that go into the module: those of the operations of TensorFlow, its threads and its memory do not. */
export function sourcesHash(): string {
  const hash = createHash('sha256').update(JSON.stringify([ZIG_VERSION, wasmOptions]));
  const isTheirs = (name: string) => /^(addon|kernel-call|operations|packed-memory|parallel\.cc)/.test(name);
  const files = [
    ...readdirSync(kernelSources)
      .filter((name) => !isTheirs(name))
      .map((name) => join(kernelSources, name)),
    ...['kernels.cc', 'freestanding/cstddef', 'freestanding/cstdint', 'freestanding/cstring'].map((name) =>
      join(here, name),
    ),
  ];
  for (const file of files.toSorted()) hash.update(readFileSync(file));
  return hash.digest('hex');
}
