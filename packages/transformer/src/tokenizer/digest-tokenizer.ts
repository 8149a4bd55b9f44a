import { canonicalJson, sha256Hex } from '@tfjs-peft/peft-core/files';
import type { TokenizerJson } from './read-tokenizer-json.js';

/**
 * SHA-256 over what decides the ids of texts, whoever wrote the file: order of keys, forms of merges, recorded padding and truncation, and how
 * tokens are put together again do not count.
 */
export function digestTokenizer({
  addedTokens,
  normalizer,
  preTokenizer,
  postProcessor,
  model,
}: TokenizerJson): string {
  const { vocab: _vocab, merges: _merges, ...settings } = model.json;
  const vocabulary = [...model.vocabulary].sort(([, a], [, b]) => a - b);
  return sha256Hex(
    [
      canonicalJson({ addedTokens, normalizer, preTokenizer, postProcessor: postProcessor ?? null, settings }),
      JSON.stringify(vocabulary),
      JSON.stringify(model.pieces?.map(([, score]) => score) ?? null),
      JSON.stringify(model.merges ?? null),
    ].join('\n'),
  );
}
