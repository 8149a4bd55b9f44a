import type { Reader } from '../reader.js';
import { adapterHub, hfAdapter, inspectedAdapter, mlxAdapter, ownAdapter } from './adapters.js';
import { checkpoints } from './checkpoints.js';
import { hub } from './hub.js';
import { decoderConfig, hostConfig, mlmHead, modelFolder } from './hosts.js';
import { strictJson } from './json.js';
import { patterns, targetLists } from './patterns.js';
import { experiments, runAdapter, runReport, runResults, runTrial } from './run-folders.js';
import { safetensors, shardedSafetensors } from './safetensors.js';
import { csv, glue, jsonl, parquet, scores, subjects, tsv } from './tables.js';
import { tokenizers } from './tokenizers.js';

/** Every reader of something that a stranger may have written. */
export const readers: readonly Reader[] = [
  strictJson,
  safetensors,
  shardedSafetensors,
  patterns,
  targetLists,
  hfAdapter,
  ownAdapter,
  adapterHub,
  mlxAdapter,
  inspectedAdapter,
  hostConfig,
  decoderConfig,
  modelFolder,
  mlmHead,
  tokenizers,
  csv,
  tsv,
  jsonl,
  scores,
  parquet,
  glue,
  subjects,
  experiments,
  runResults,
  runReport,
  runTrial,
  runAdapter,
  checkpoints,
  hub,
];
