import { Worker } from 'node:worker_threads';

/** How often a held lock says that its writer lives. */
export const beatSeconds = 2;
/** A lock of another machine that said nothing for so long is that of a dead writer. */
export const silenceSeconds = 60;

/** Beside the event loop, which a long step may hold up. A write, unlike a time that is set, is dated by the clock of the disk's own machine. */
const beat = `
const { parentPort } = require('node:worker_threads');
const { openSync, writeSync, closeSync } = require('node:fs');
const paths = new Set();
parentPort.on('message', ({ path, held }) => (held ? paths.add(path) : paths.delete(path)));
setInterval(() => {
  for (const path of paths) {
    try {
      const file = openSync(path, 'r+');
      writeSync(file, '{', 0);
      closeSync(file);
    } catch {}
  }
}, ${1000 * beatSeconds});
`;

let thread: Worker | undefined;

/** Rewrites the first character of a JSON file every few seconds until what it returns is called, or the process ends. */
export function keepBeating(path: string): () => void {
  const beating = (thread ??= startThread());
  beating.postMessage({ path, held: true });
  return () => beating.postMessage({ path, held: false });
}

function startThread(): Worker {
  const started = new Worker(beat, { eval: true, execArgv: [], stdout: false, stderr: false });
  started.unref();
  return started;
}
