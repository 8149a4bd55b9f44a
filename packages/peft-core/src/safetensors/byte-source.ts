/** Bytes that can be read piece by piece: a file, a blob, a range request, a buffer. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /** For messages: the file's name. */
  readonly name: string;
  /** Exactly `length` bytes from `offset`. The result is only read; it may be a view of shared memory. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** True if each read gives memory of its own: the reader may keep it instead of copying. */
  readonly givesOwnMemory?: true;
}

/** Bytes in memory as a source; nothing is copied. */
export const bytesSource = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  size: bytes.byteLength,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
});
