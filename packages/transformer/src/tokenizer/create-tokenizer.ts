import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import { applyConfig } from './apply-config.js';
import { digestTokenizer } from './digest-tokenizer.js';
import { createLibraryTokenizer } from './library-tokenizer.js';
import { countSpecials, largestIds, readTemplate, type TemplatePiece } from './read-template.js';
import { readTokenizerJson } from './read-tokenizer-json.js';
import type { TokenizedText, Tokenizer, TokenizerFiles } from './tokenizer.js';
import { truncateLongestFirst } from './truncate-longest-first.js';

/**
 * A tokenizer from its parsed files. Downloads nothing. Errors: `TOKENIZER_INVALID`, `TOKENIZER_UNSUPPORTED`,
 * `TOKENIZER_LIBRARY_UNAVAILABLE`.
 */
export async function createTokenizer({ tokenizerJson, tokenizerConfig }: TokenizerFiles): Promise<Tokenizer> {
  const json = asObject(tokenizerJson, 'tokenizer.json');
  const config = tokenizerConfig == null ? {} : asObject(tokenizerConfig, 'tokenizer_config.json');
  const described = applyConfig(readTokenizerJson(json), config);
  const template = readTemplate(described.postProcessor);
  const { addedTokens, padToken } = described;
  const specialTokens = new Map(addedTokens.flatMap(({ special, content, id }) => (special ? [[content, id]] : [])));
  const padTokenId = readPadTokenId(padToken, config, specialTokens);
  const library = await createLibraryTokenizer(described);
  const { id: largestId, typeId: largestTypeId } = largestIds(template);
  if (largestId >= library.vocabSize) throw beyondVocabulary(largestId, library.vocabSize);

  const modelMaxTokens = readModelMaxTokens(config);
  const encode: Tokenizer['encode'] = (text, { pair, maxTokens = modelMaxTokens } = {}) => {
    const first = library.toIds(requireString(text));
    const second = pair === undefined ? [] : library.toIds(requireString(pair));
    const pieces = pair === undefined ? template.single : template.pair;
    const budget = maxTokens - countSpecials(pieces);
    if (!(budget >= 0)) throw tooSmall(maxTokens, countSpecials(pieces));
    const [keptFirst, keptSecond] = truncateLongestFirst(first.length, second.length, budget);
    const kept = { first: first.slice(0, keptFirst), second: second.slice(0, keptSecond) };
    const truncated = first.length - keptFirst + second.length - keptSecond;
    return { ...fillTemplate(pieces, kept), truncated };
  };
  return {
    encode,
    decode: (ids, { keepSpecialTokens = false } = {}) => library.toText(ids, keepSpecialTokens),
    specialTokens,
    vocabSize: library.vocabSize,
    padTokenId,
    largestTypeId,
    digest: digestTokenizer(described),
    modelMaxTokens,
  };
}

function fillTemplate(
  pieces: readonly TemplatePiece[],
  texts: { readonly first: readonly number[]; readonly second: readonly number[] },
): Omit<TokenizedText, 'truncated'> {
  const idsOf = (piece: TemplatePiece) => (piece.kind === 'text' ? texts[piece.which] : piece.ids);
  return {
    inputIds: pieces.flatMap(idsOf),
    tokenTypeIds: pieces.flatMap((piece) => idsOf(piece).map(() => piece.typeId)),
  };
}

/** From the configuration, else from the recorded padding, else by its usual names, else the end of a text: decoders often pad with it. */
function readPadTokenId(
  recorded: string | undefined,
  config: JsonObject,
  specialTokens: ReadonlyMap<string, number>,
): number {
  const contentOf = (token: Json | undefined) => (isJsonObject(token) ? token.content : token);
  const usual = ['[PAD]', '<pad>', contentOf(config.eos_token), '<|endoftext|>', '</s>'];
  for (const token of [contentOf(config.pad_token), recorded, ...usual]) {
    const id = typeof token === 'string' ? specialTokens.get(token) : undefined;
    if (id !== undefined) return id;
  }
  throw new PeftError('TOKENIZER_INVALID', {
    found: 'no padding token in tokenizer.json and tokenizer_config.json',
    expected: '`pad_token` in tokenizer_config.json, and a special token of that name among the added tokens',
    fix: 'name one in tokenizer_config.json',
  });
}

/** HF writes 1e30 for "no limit". */
const readModelMaxTokens = ({ model_max_length: length }: JsonObject): number =>
  typeof length === 'number' && length > 0 && length < 1e9 ? length : Infinity;

function asObject(value: Json | undefined, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new PeftError('TOKENIZER_INVALID', {
    found: `${what} is ${value === undefined ? 'missing' : 'not an object'}`,
    expected: 'the parsed JSON that HF tokenizers writes',
    fix: 'get the tokenizer files again from their origin',
  });
}

function requireString(text: unknown): string {
  if (typeof text === 'string') return text;
  throw new PeftError('TEXT_NOT_STRING', {
    found: `a text of type ${text === null ? 'null' : typeof text}`,
    expected: 'a string',
    fix: 'check the column or field that the text comes from',
  });
}

const beyondVocabulary = (id: number, size: number) =>
  new PeftError('TOKENIZER_INVALID', {
    found: `post_processor in tokenizer.json: a special token with the id ${id}`,
    expected: `ids below ${size}, the size of the vocabulary`,
    fix: 'get tokenizer.json again from its origin',
  });

const tooSmall = (maxTokens: number, specials: number) =>
  new PeftError('MAX_TOKENS_TOO_SMALL', {
    found: `maxTokens ${maxTokens}`,
    expected: `at least ${specials}, for the special tokens alone`,
    fix: 'raise the limit, to 128 for example',
  });
