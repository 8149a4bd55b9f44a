import { readBytes } from '#platform';
import { fetchBytes } from './fetch-bytes.js';
import type { WasmBackend } from './wasm-backend.js';
import { outOfMemory } from './wasm-memory.js';

/** The module of fused kernels (tools/wasm-kernels), at home in the memory of one backend. */
export interface WasmLibrary {
  /** Its functions by name; addresses, sizes and flags are numbers. */
  readonly functions: Readonly<Record<string, (...values: number[]) => number>>;
  readonly memory: WebAssembly.Memory;
  /** Writes lists of whole numbers, such as addresses, into that memory and gives the address of each; they stay until the next call. */
  writeLists(...lists: readonly (readonly number[])[]): number[];
}

/** Position-independent code wants to know where its data and its stack are. */
const DATA = 4096;
const STACK = 1 << 18;

/** Puts the compiled module into a backend's memory. Errors: a backend that does not show its memory. */
export function placeLibrary(module: WebAssembly.Module, { wasm }: WasmBackend): WasmLibrary {
  const { memory, malloc, free } = wasm.asm;
  const allocate = (bytes: number) => {
    const address = malloc(bytes) >>> 0;
    if (address === 0) throw outOfMemory(bytes, wasm);
    return address;
  };
  const start = aligned(allocate(DATA + STACK + 16));
  const constant = (value: number) => new WebAssembly.Global({ value: 'i32', mutable: false }, value);
  const { exports } = new WebAssembly.Instance(module, {
    env: {
      ...{ memory, malloc, free },
      __memory_base: constant(start),
      __stack_pointer: new WebAssembly.Global({ value: 'i32', mutable: true }, start + DATA + STACK),
      __table_base: constant(0),
      __indirect_function_table: new WebAssembly.Table({ element: 'anyfunc', initial: 256 }),
    },
  });
  const functions = exports as WasmLibrary['functions'];
  functions['__wasm_apply_data_relocs']!();
  let room = { address: 0, size: 0 };
  return {
    functions,
    memory,
    writeLists(...lists) {
      const size = lists.reduce((sum, { length }) => sum + length, 0);
      if (room.size < size) {
        if (room.address !== 0) free(room.address);
        room = { address: 0, size: 0 };
        room = { address: allocate(4 * size), size };
      }
      let { address } = room;
      return lists.map((list) => {
        new Int32Array(memory.buffer, address, list.length).set(list);
        return (address += 4 * list.length) - 4 * list.length;
      });
    },
  };
}

const aligned = (address: number): number => (address + 15) & ~15;

/** The name of the module's file, in `wasmPaths` as well. */
export const KERNELS_FILE = 'tfjs-peft-kernels.wasm';

/** Reads and compiles the module, from beside this package unless an address is given; once, if it succeeds. */
export async function compileLibrary(address?: string): Promise<WebAssembly.Module> {
  if (address !== undefined) return WebAssembly.compile(await fetchBytes(address));
  // Bundlers that know this form put the file beside the page.
  return (compiled ??= await WebAssembly.compile(
    await readBytes(new URL('../kernels/tfjs-peft-kernels.wasm', import.meta.url)),
  ));
}

let compiled: WebAssembly.Module | undefined;
