import type { ByteSource } from '@tfjs-peft/peft-core';

/** The files of one model, wherever they are. */
export interface ModelFiles {
  /** For messages: a folder or an address. */
  readonly location: string;
  /** What is there, for messages; empty if it cannot be listed. */
  list(): Promise<readonly string[]>;
  /** The content of a small file, `undefined` if it does not exist. */
  readText(path: string): Promise<string | undefined>;
  /** A file to read piece by piece, `undefined` if it does not exist. */
  open(path: string): Promise<ByteSource | undefined>;
  /** Releases what `open` holds. */
  close(): Promise<void>;
}
