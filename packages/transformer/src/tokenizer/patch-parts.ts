import { PeftError } from '@tfjs-peft/peft-core';
import { compileSearch } from '@tfjs-peft/peft-core/authoring';
import { type BertNormalizerConfig, normalizeBertText } from './normalize-bert-text.js';
import type { TokenizerPart } from './part-schema.js';
import { type Finder, findLiteral, replaceMatches, type SplitBehavior, splitAt, splitBehaviors } from './split-text.js';

/** What the library makes of a part of tokenizer.json; which members are there depends on the part. */
export interface LibraryPart {
  pattern?: RegExp | null;
  normalize?: (text: string) => string;
  pre_tokenize_text?: (text: string, options?: object) => string[];
  decode_chain?: (tokens: string[]) => string[];
  readonly normalizers?: readonly LibraryPart[];
  readonly tokenizers?: readonly LibraryPart[];
  readonly decoders?: readonly LibraryPart[];
}

/** White space as Rust has it: with U+0085, without U+FEFF, other than `\s` of JavaScript. */
const gpt2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const words = new RegExp(`[${word}]+|[^${word}\\p{White_Space}]+`, 'gu');
const notSpaces = /\P{White_Space}+/gu;
const punctuation = '\\p{P}\\u0021-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u007E';
const bertPieces = new RegExp(`[^\\p{White_Space}${punctuation}]+|[${punctuation}]`, 'gu');

/** The parts below a sequence, as the file and as the library has them. */
const membersOf = (part: TokenizerPart, built: LibraryPart): (readonly [TokenizerPart, LibraryPart])[] => {
  const parts = part.normalizers ?? part.pretokenizers ?? part.decoders ?? [];
  const made = built.normalizers ?? built.tokenizers ?? built.decoders ?? [];
  return parts.map((member, index) => [member, made[index]!]);
};

/**
 * Puts right what the library computes otherwise than HF's Rust library, and what could be made to take for ever: expressions of the file are
 * matched in linear time, replacements are plain text, splits have their behaviour, white space and words are Rust's.
 * Errors: `TARGET_PATTERN_INVALID`, `TOKENIZER_UNSUPPORTED`.
 */
export function patchPart(part: TokenizerPart | null, built: LibraryPart | null): void {
  if (!part || !built) return;
  if (part.type === 'Sequence') return membersOf(part, built).forEach((member) => patchPart(...member));
  const { content } = part;
  if (built.normalize && part.type === 'Replace') {
    const find = finderOf(part);
    built.normalize = (text) => requireBounded(replaceMatches(text, find(text), content!), text);
  } else if (part.type === 'BertNormalizer')
    built.normalize = (text) => normalizeBertText(text, part as BertNormalizerConfig);
  else if (part.type === 'StripAccents') built.normalize = (text) => text.replace(/\p{M}/gu, '');
  // The whole string's toLowerCase would write a final sigma.
  else if (part.type === 'Lowercase') built.normalize = (text) => Array.from(text, lower).join('');
  else if (built.decode_chain && part.type === 'Replace') {
    const find = finderOf(part);
    built.decode_chain = (tokens) =>
      tokens.map((token) => requireBounded(replaceMatches(token, find(token), content!), token));
  } else if (built.pre_tokenize_text && part.type === 'Split') {
    const find = finderOf(part);
    const behavior = behaviorOf(part);
    built.pre_tokenize_text = (text) => splitAt(text, find(text), behavior, part.invert ?? false);
  } else if (part.type === 'Metaspace' && built.pre_tokenize_text && part.replacement && part.split !== false) {
    const mark = built.pre_tokenize_text.bind(built);
    const find = findLiteral(part.replacement);
    built.pre_tokenize_text = (text, options) =>
      mark(text, options).flatMap((marked) => splitAt(marked, find(marked), 'MergedWithNext', false));
  } else if (part.type === 'ByteLevel' && built.pre_tokenize_text) built.pattern = gpt2;
  else if (part.type === 'BertPreTokenizer') built.pattern = bertPieces;
  else if (part.type === 'WhitespaceSplit') built.pre_tokenize_text = (text) => text.match(notSpaces) ?? [];
  else if (part.type === 'Whitespace') built.pre_tokenize_text = (text) => text.match(words) ?? [];
}

/** The part with a pattern that the library may see: the real one is put in by {@link patchPart}. */
export function withoutPatterns(part: TokenizerPart): TokenizerPart {
  const lists = (['normalizers', 'pretokenizers', 'decoders'] as const).flatMap((key) =>
    part[key] ? [[key, part[key].map(withoutPatterns)] as const] : [],
  );
  return { ...part, ...Object.fromEntries(lists), ...(part.pattern && { pattern: { String: ' ' } }) };
}

const lower = (character: string) => character.toLowerCase();

/** A few replacements one after the other can make gigabytes of a word. */
const longestText = 1_000_000;

function requireBounded(text: string, before: string): string {
  if (text.length <= Math.max(longestText, before.length)) return text;
  throw new PeftError('TOKENIZER_INVALID', {
    found: `replacements in tokenizer.json that make more than ${longestText} characters of one text`,
    expected: 'a normalizer that keeps texts about as long as they are',
    fix: 'do not use this file unless you know who made it',
  });
}

function finderOf({ pattern }: TokenizerPart): Finder {
  if ('String' in pattern!) return findLiteral(pattern.String);
  return compileSearch(pattern!.Regex);
}

function behaviorOf({ behavior = 'Isolated' }: TokenizerPart): SplitBehavior {
  const found = splitBehaviors.find((known) => known.toLowerCase() === behavior.toLowerCase());
  if (found) return found;
  throw new PeftError('TOKENIZER_UNSUPPORTED', {
    found: `a Split with the behavior "${behavior.slice(0, 60)}" in tokenizer.json`,
    expected: `one of ${splitBehaviors.join(', ')}`,
    fix: 'get the file again from its origin',
  });
}
