/**
 * How much of anything a file from a stranger may ask for: one table for all readers, far above what real models and adapters hold.
 * Sizes are checked before anything is allocated for them; work is counted while it is done. docs/files.md repeats the table for people.
 */
export const bounds = {
  /** Bytes of a small JSON file (adapter_config.json) unless its reader says otherwise. */
  jsonBytes: 2 ** 20,
  /** Bytes of our own record of an adapter, which holds its configuration twice. */
  recordBytes: 2 ** 23,
  /** Bytes of tokenizer.json, of an index of shards. */
  largeJsonBytes: 100_000_000,
  /** Bytes of a safetensors header; the largest published ones have some 5 MB. */
  safetensorsHeaderBytes: 16 * 2 ** 20,
  /** Steps that one pattern may be compiled to. */
  patternSteps: 4096,
  /** Steps of one expression of a tokenizer, which meets texts of any length. */
  searchSteps: 512,
  /** Steps that all patterns of one entry may take on all names together: about a second. */
  patternWork: 1e7,
  /** Names in one list of targets; all modules of the largest encoders are some 500. */
  targets: 65_536,
  /** Warnings of one kind, after which the rest is counted only. */
  warnings: 8,
  /** Sizes in config.json. */
  host: {
    layers: 512,
    hiddenSize: 65_536,
    intermediateSize: 2 ** 20,
    vocabulary: 2 ** 24,
    positions: 2 ** 24,
    tokenTypes: 65_536,
  },
} as const;
