import type { WasmBackend } from '../src/wasm-backend.js';
import { outOfMemory } from '../src/wasm-memory.js';

/** Runs `body` while allocation number `failing`, from 1 on, finds the memory of the backend full. */
export function withFailingAllocation({ wasm }: WasmBackend, failing: number, body: () => void): void {
  const allocate = wasm._malloc;
  let calls = 0;
  wasm._malloc = (bytes) => {
    if (++calls === failing) throw outOfMemory(bytes, wasm);
    return allocate(bytes);
  };
  try {
    body();
  } finally {
    wasm._malloc = allocate;
  }
}
