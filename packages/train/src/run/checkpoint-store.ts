/** Where checkpoints live: a folder, a database of a browser, memory. */
export interface CheckpointStore {
  /** The bytes stored under a name, or null. */
  read(name: string): Promise<Uint8Array | null>;
  /** All or nothing: after a kill the name holds either the old bytes or the new ones (write a neighbour, then rename). */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Nothing happens if there is no such file. */
  remove(name: string): Promise<void>;
}

/** A store that lives as long as the process. */
export function createMemoryStore(): CheckpointStore {
  const files = new Map<string, Uint8Array>();
  return {
    read: async (name) => files.get(name) ?? null,
    write: async (name, bytes) => void files.set(name, bytes),
    remove: async (name) => void files.delete(name),
  };
}
