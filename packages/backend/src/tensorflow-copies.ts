import { importAtRunTime, runsInNode } from './import-at-run-time.js';
import { quietLogs } from './quiet-logs.js';

/** Folders of the copies of `@tensorflow/tfjs-core` that this process has loaded. Known in Node alone; empty elsewhere. */
async function loadedCopies(): Promise<string[]> {
  if (!runsInNode()) return [];
  const { createRequire } = (await importAtRunTime('node:module')) as { createRequire(path: string): NodeJS.Require };
  // The cache of CommonJS modules, which is what TensorFlow.js is in Node, is one for the whole process.
  const { cache } = createRequire(`${process.cwd()}/`);
  const folders = Object.keys(cache).map((path) => /^.*[\\/]@tensorflow[\\/]tfjs-core(?=[\\/])/.exec(path)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))];
}

/** One warning of the process if it has loaded more than one copy: their tensors and backends are apart, though they look alike. */
export async function warnOfCopies(): Promise<void> {
  const copies = await loadedCopies();
  if (warned || copies.length < 2) return;
  warned = true;
  process.emitWarning(
    `${copies.length} copies of @tensorflow/tfjs-core are loaded: ${copies.join(' and ')}. Packages that make or take tensors must share one: let them name @tensorflow/tfjs among their peerDependencies, and run npm dedupe.`,
    { code: 'TENSORFLOW_COPIES' },
  );
}
let warned = false;

/**
 * Imports code of others, which may bring a copy of TensorFlow.js: one warning takes the place of a line for each kernel that
 * is registered twice.
 */
export async function importQuietly<Module>(importing: () => Promise<Module>): Promise<Module> {
  quietLogs();
  const loaded = await importing();
  await warnOfCopies();
  return loaded;
}
