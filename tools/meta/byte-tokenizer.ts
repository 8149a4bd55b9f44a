import type { Tokenizer } from '@tfjs-peft/transformer';

/** Bytes of UTF-8 as tokens, the byte 0 before each text: for a host that is random anyhow. */
export const byteTokenizer: Tokenizer = {
  encode(text, { maxTokens = Infinity } = {}) {
    const all = [0, ...new TextEncoder().encode(text)];
    const inputIds = all.slice(0, maxTokens);
    return { inputIds, tokenTypeIds: inputIds.map(() => 0), truncated: all.length - inputIds.length };
  },
  decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids.filter((id) => id !== 0))),
  specialTokens: new Map([['<start>', 0]]),
  vocabSize: 256,
  padTokenId: 0,
  largestTypeId: 0,
  digest: 'bytes',
  modelMaxTokens: Infinity,
};
