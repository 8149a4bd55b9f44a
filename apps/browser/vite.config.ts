import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { unusedByTokenizers } from '../../tools/build/unused-by-tokenizers.js';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * What this page never starts: the threads of TensorFlow.js (10 kB gzipped), which `@tfjs-peft/backend` leaves alone, WebGPU (1 kB), and the
 * stores where TensorFlow.js keeps models of its own (2 kB).
 */
const neverStarted: readonly (readonly [file: RegExp, contents: string])[] = [
  [
    /tfjs-backend-wasm-threaded-simd(\.worker)?\.js$/,
    'export default undefined; export const wasmWorkerContents = "";',
  ],
  [
    /\/backend\/src\/load-webgpu\.ts$/,
    'export const loadWebgpu = () => ({ usable: false, why: "this page leaves it out" });',
  ],
  [/tfjs-core\/dist\/io\/indexed_db\.js$/, 'export const BrowserIndexedDB = {}, BrowserIndexedDBManager = undefined;'],
  [
    /tfjs-core\/dist\/io\/local_storage\.js$/,
    'export const BrowserLocalStorage = {}, BrowserLocalStorageManager = undefined;',
  ],
];
/** Kernels and gradients for pictures, sparse tensors and strings (15 kB): the two lists that name them are read without these names. */
const kernelLists = /tfjs-(backend-wasm\/dist\/register_all_kernels|core\/dist\/register_all_gradients)\.js$/;
const neverCalled =
  /^.*\b(\w*(Conv[23]D|Conv2d|Pool|Dilation2D|Resize|crop|LRN|lrn|Sparse|batchNorm|BatchNorm|nonMaxSuppression|[sS]paceTo|[dD]epthTo)|(conv|sparse|string|rotate|transform|flip|resize|dilation|batchTo|mirrorPad|multinomial|searchSorted))\w*Config\b.*\n/gm;
const withoutNeverStarted: Plugin = {
  name: 'without-never-started',
  enforce: 'pre',
  load: (id) => neverStarted.find(([file]) => file.test(id))?.[1],
  transform: (code, id) => (kernelLists.test(id) ? code.replaceAll(neverCalled, '') : undefined),
};
/** Packages that are built leave this out already; here their sources are taken. */
const withoutUnused: Plugin = {
  name: 'without-unused',
  enforce: 'pre',
  resolveId(source, importer = '') {
    const index = importer.includes('@xenova') ? unusedByTokenizers.findIndex(([name]) => name.test(source)) : -1;
    return index < 0 ? undefined : `\0unused:${index}`;
  },
  load: (id) => (id.startsWith('\0unused:') ? unusedByTokenizers[Number(id.slice(8))]![1] : undefined),
};
const alias = [{ find: /^@tensorflow\/tfjs$/, replacement: at('src/lean-tfjs.ts') }];
const plugins = [withoutNeverStarted, withoutUnused];
const conditions = ['@tfjs-peft/source', 'browser', 'module', 'import', 'default'];

export default defineConfig({
  root: at('.'),
  base: './',
  resolve: { alias, conditions },
  plugins,
  worker: { format: 'es', plugins: () => plugins },
  build: { target: 'es2022', assetsInlineLimit: 0, emptyOutDir: true, reportCompressedSize: false },
});
