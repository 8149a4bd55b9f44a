import { type HostSpec, type HostTensors, PeftError, substream } from '@tfjs-peft/peft-core';
import { type Preparation, randomPermutation, wordTable } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { PromptConfig } from './config.js';
import { rowsName } from './virtual-tokens.js';

/** First values of the rows, known for one host. */
export interface WordStart {
  readonly fingerprint: string;
  readonly values: Float32Array;
}

/**
 * Rows of the host's word embeddings, a copy. Given tokens: vertex v of a simplex takes numbers v · length to (v + 1) · length − 1, so that no two
 * vertices start from the same rows; a list too short for `length` is repeated for the method alone. Drawn tokens: distinct ones, never padding,
 * from a stream of this parameter. Errors: `TOKEN_IDS_TOO_FEW`, `TOKEN_ID_UNKNOWN`, `SITE_MISSING`, `PROMPT_TOO_LONG`.
 */
export async function startFromWords(
  config: PromptConfig,
  host: HostTensors,
  { stream, vertex }: Preparation,
): Promise<WordStart> {
  const { spec } = host;
  const table = requireWordTable(spec);
  const ids = config.tokenIds
    ? givenTokens(config.tokenIds, config.length, vertex)
    : drawnTokens(config, table.rows, spec.padTokenId, stream);
  const unknown = ids.find((id) => id >= table.rows);
  if (unknown !== undefined)
    throw new PeftError('TOKEN_ID_UNKNOWN', {
      found: `token id ${unknown} among tokenIds`,
      expected: `ids below ${table.rows}, the vocabulary of "${spec.name}"`,
      fix: "encode the text with the host's own tokenizer",
    });
  const rows = tf.tidy(() => tf.gather(host.weight(`${table.path}.weight`), tf.tensor1d(ids, 'int32')));
  try {
    return { fingerprint: spec.fingerprint, values: Float32Array.from(await rows.data()) };
  } finally {
    rows.dispose();
  }
}

function givenTokens(tokenIds: readonly number[], length: number, vertex: number): number[] {
  if (vertex > 0 && tokenIds.length < (vertex + 1) * length)
    throw new PeftError('TOKEN_IDS_TOO_FEW', {
      found: `${tokenIds.length} tokenIds for a prompt of ${length} virtual tokens in each of at least ${vertex + 1} vertices`,
      expected: `${(vertex + 1) * length}: vertices must not start from the same rows`,
      fix: 'give more tokens, or leave tokenIds out to draw them',
    });
  return Array.from({ length }, (_, i) => tokenIds[(vertex * length + i) % tokenIds.length]!);
}

/** A vocabulary smaller than the prompt is gone through more than once. */
function drawnTokens(config: PromptConfig, rows: number, padTokenId: number, stream: Preparation['stream']): number[] {
  const tokens = [...randomPermutation(substream(stream, rowsName(config), 'tokens'), rows)];
  const words = tokens.filter((id) => id !== padTokenId);
  return Array.from({ length: config.length }, (_, i) => words[i % words.length]!);
}

/** Errors: `SITE_MISSING`. */
function requireWordTable(host: HostSpec) {
  const words = wordTable(host);
  if (words) return words;
  throw new PeftError('SITE_MISSING', {
    found: `host "${host.name}" names no embedding table among its sites`,
    expected: 'one with the embeddings of its words',
    fix: 'use another initialisation than "vocabulary" on this host',
  });
}
