import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { sourcesHash, wasmHashFile } from './kernel-module.js';

describe('the fused kernels in WebAssembly', () => {
  it('are those of the sources: npm run build:wasm-kernels', () => {
    expect(readFileSync(wasmHashFile, 'utf8').trim()).toBe(sourcesHash());
  });
});
