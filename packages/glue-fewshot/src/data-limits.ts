/**
 * What a data file may cost, in one place. Files come from strangers: each of these is far above what few-shot learning needs and far below
 * what a machine has. Readers take time and memory that grow with the size of the file and not faster; Parquet, whose reader has loops
 * that damaged bytes keep going for ever, is read in a process with a limit of both.
 */
export const dataLimits = {
  /** Bytes of one table; Node cannot hold a longer text either (2^29 - 24 characters). */
  tableBytes: 500_000_000,
  /** Characters of one line of a text file that is read line by line. */
  lineCharacters: 1_000_000,
  /** Seconds that reading a Parquet file may take: a base, and more for every megabyte. */
  parquetSeconds: 10,
  parquetSecondsPerMegabyte: 1,
  /** Megabytes of heap for reading a Parquet file: a base, and more for every megabyte (compressed texts grow) up to a most. */
  parquetHeap: 512,
  parquetHeapPerMegabyte: 32,
  parquetHeapMost: 8192,
  /** Bytes of one page of a Parquet file after decompression. Writers make pages of 1 MB. */
  parquetPageBytes: 256 * 1024 * 1024,
  /** Characters of a cell, a label or a column name that a message repeats. */
  shownCharacters: 60,
  /** Characters of another library's message. */
  messageCharacters: 300,
} as const;
