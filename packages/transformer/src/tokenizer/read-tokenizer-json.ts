import { PeftError } from '@tfjs-peft/peft-core';
import { bounds } from '@tfjs-peft/peft-core/authoring';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import { type AddedToken, partsSchema, type TokenizerPart } from './part-schema.js';

/** A tokenizer.json whose every part has been looked at. */
export interface TokenizerJson {
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: TokenizerPart | null;
  readonly preTokenizer: TokenizerPart | null;
  readonly decoder: TokenizerPart | null;
  readonly postProcessor: Json | undefined;
  readonly model: TokenizerModel;
  /** The token that the file pads with. */
  readonly padToken: string | undefined;
}

/** WordPiece, BPE or Unigram, with its pieces in the order of their ids. */
interface TokenizerModel {
  readonly type: 'WordPiece' | 'BPE' | 'Unigram';
  /** The model as the file has it. */
  readonly json: JsonObject;
  /** `[piece, id]` */
  readonly vocabulary: readonly (readonly [string, number])[];
  /** Of a Unigram model: `[piece, log-probability]`, the id is the place. */
  readonly pieces?: readonly (readonly [string, number])[];
  /** Of a BPE model. */
  readonly merges?: readonly string[];
}

/**
 * Checks a parsed tokenizer.json: types of all entries that anything reads, ids that can be rows of a table, sizes within the bounds.
 * Errors: `TOKENIZER_INVALID`, `TOKENIZER_UNSUPPORTED` for a type of model that is not one of three.
 */
export function readTokenizerJson(json: JsonObject): TokenizerJson {
  const parsed = partsSchema.safeParse(json);
  if (!parsed.success) throw invalid(sayIssue(parsed.error.issues[0]!));
  const { added_tokens: added, normalizer, pre_tokenizer: preTokenizer, decoder, padding } = parsed.data;
  const model = readModel(json.model);
  return {
    addedTokens: added ?? [],
    normalizer: normalizer ?? null,
    preTokenizer: preTokenizer ?? null,
    decoder: decoder ?? null,
    postProcessor: json.post_processor,
    model,
    padToken: padding?.pad_token,
  };
}

function readModel(json: Json | undefined): TokenizerModel {
  if (!isJsonObject(json)) throw invalid('"model" is not an object');
  const { type, vocab } = json;
  const word = (key: string, needed: boolean) => {
    if (json[key] == null ? needed : typeof json[key] !== 'string') throw invalid(`"${key}" of the model is no text`);
  };
  const isUnknownKnown = (vocabulary: TokenizerModel['vocabulary']) =>
    json.unk_token == null || vocabulary.some(([piece]) => piece === json.unk_token);
  for (const key of ['fuse_unk', 'byte_fallback', 'ignore_merges'])
    if (json[key] != null && typeof json[key] !== 'boolean')
      throw invalid(`"${key}" of the model is neither true nor false`);
  switch (type) {
    case 'WordPiece': {
      const vocabulary = readVocabulary(vocab);
      word('unk_token', true);
      word('continuing_subword_prefix', true);
      const { max_input_chars_per_word: longest } = json;
      if (longest != null && !(Number.isInteger(longest) && (longest as number) > 0 && (longest as number) <= 1000))
        throw invalid('"max_input_chars_per_word" is not a whole number up to 1000');
      if (!isUnknownKnown(vocabulary)) throw invalid('"unk_token" is not in the vocabulary');
      return { type, json, vocabulary };
    }
    case 'BPE': {
      const vocabulary = readVocabulary(vocab);
      for (const key of ['unk_token', 'continuing_subword_prefix', 'end_of_word_suffix']) word(key, false);
      if (!isUnknownKnown(vocabulary)) throw invalid('"unk_token" is not in the vocabulary');
      return { type, json, vocabulary, merges: readMerges(json.merges) };
    }
    case 'Unigram': {
      const pieces = readPieces(vocab);
      const { unk_id: unknown } = json;
      if (
        unknown != null &&
        !(Number.isInteger(unknown) && (unknown as number) >= 0 && (unknown as number) < pieces.length)
      )
        throw invalid('"unk_id" is not the place of a piece');
      return { type, json, pieces, vocabulary: pieces.map(([piece], id) => [piece, id]) };
    }
    default:
      throw new PeftError('TOKENIZER_UNSUPPORTED', {
        found: `a model of type ${JSON.stringify(type ?? null).slice(0, 60)} in tokenizer.json`,
        expected: 'WordPiece, BPE or Unigram',
        fix: 'use a host whose tokenizer is of one of these kinds',
      });
  }
}

function readVocabulary(vocab: Json | undefined): [string, number][] {
  if (!isJsonObject(vocab)) throw invalid('"vocab" of the model is not an object');
  const entries = Object.entries(vocab);
  const wrong = entries.find(
    ([, id]) => !(Number.isInteger(id) && (id as number) >= 0 && (id as number) < bounds.host.vocabulary),
  );
  if (wrong)
    throw invalid(
      `the piece ${JSON.stringify(wrong[0].slice(0, 60))} has the id ${JSON.stringify(wrong[1]).slice(0, 60)}`,
    );
  if (entries.length === 0) throw invalid('"vocab" of the model is empty');
  return entries as [string, number][];
}

/** Longest piece of a Unigram model: segmentation looks at all shorter ones from each character on. */
const longestPiece = 256;

function readPieces(vocab: Json | undefined): [string, number][] {
  if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > bounds.host.vocabulary)
    throw invalid('"vocab" of the model is not a list of pieces');
  for (const entry of vocab as readonly unknown[]) {
    const fits =
      Array.isArray(entry) &&
      typeof entry[0] === 'string' &&
      entry[0].length <= longestPiece &&
      typeof entry[1] === 'number';
    if (!fits) throw invalid(`the vocabulary holds ${(JSON.stringify(entry) ?? '').slice(0, 60)}`);
  }
  return vocab as unknown as [string, number][];
}

/** Files written since 2024 hold merges as pairs, `["a", "b"]`, older ones as `"a b"`. */
function readMerges(merges: Json | undefined): string[] {
  if (!Array.isArray(merges)) throw invalid('"merges" of the model is not a list');
  return (merges as readonly Json[]).map((merge) => {
    if (typeof merge === 'string') return merge;
    if (Array.isArray(merge) && merge.length === 2 && merge.every((side) => typeof side === 'string'))
      return merge.join(' ');
    throw invalid(`the merges hold ${JSON.stringify(merge).slice(0, 60)}`);
  });
}

const sayIssue = ({ path, message }: z.core.$ZodIssue) => `${path.map(String).join('.').slice(0, 80)}: ${message}`;

const invalid = (what: string) =>
  new PeftError('TOKENIZER_INVALID', {
    found: `tokenizer.json: ${what}`,
    expected: 'the form that HF tokenizers writes',
    fix: 'get the file again from its origin',
  });
