import { createStore, del, get, set } from 'idb-keyval';
import type { CheckpointStore } from './checkpoint-store.js';

/**
 * A store in the IndexedDB of a browser, in pages and workers: a run goes on after its page was closed. Each write is one transaction, so
 * that a name never holds half of a checkpoint. Errors: those of the browser (private mode, full disk), which `train` reports by their cause.
 *
 * @param database its name: one a run that may be open at the same time
 */
export function createIndexedDbStore(database: string): CheckpointStore {
  const store = createStore(database, 'checkpoints');
  return {
    read: async (name) => (await get<Uint8Array>(name, store)) ?? null,
    write: (name, bytes) => set(name, bytes, store),
    remove: (name) => del(name, store),
  };
}
