import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import type { Template, TemplatePiece } from './template.js';

/** What prompting asks of a tokenizer; those of `@tfjs-peft/transformer` are such. */
export interface PromptTokenizer {
  /** Token ids with the special tokens of a single text around them. */
  encode(text: string, options?: { readonly maxTokens?: number }): EncodedText;
  /** Text of token ids, without special tokens. */
  decode(ids: readonly number[]): string;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly vocabSize: number;
}

/** A text as a prompt: ids, types, and where the mask stands. */
export interface RenderedPrompt extends EncodedText {
  readonly maskPosition: number;
  /** How many tokens of the texts were cut off. */
  readonly truncated: number;
}

/** An answered prompt behind the one that asks. */
export interface Demonstration {
  readonly texts: readonly string[];
  readonly word: string;
}

/** What is rendered, and how long it may get. */
export interface RenderOptions {
  readonly template: Template;
  readonly tokenizer: PromptTokenizer;
  /** As many as the template takes. */
  readonly texts: readonly string[];
  /** All tokens together; 128 if absent. */
  readonly maxTokens?: number;
  /** Stand behind the prompt, each the same template with a word in the place of the mask. */
  readonly demonstrations?: readonly Demonstration[];
}

/**
 * A prompt of token ids. What is too long is cut at the end of the texts, those of demonstrations before those of the prompt, the longer one first, and never
 * elsewhere: the mask and the words around it are always there. Token types go no further than 1. Errors: `PROMPT_TEXTS_WRONG`, `PROMPT_TOO_LONG` where the template alone is, `PROMPT_TEXT_WITH_MASK`, `TOKENIZER_UNSUITABLE`.
 */
export function renderPrompt({
  template,
  tokenizer,
  texts,
  maxTokens = 128,
  demonstrations = [],
}: RenderOptions): RenderedPrompt {
  if (texts.length !== template.texts)
    throw new PeftError('PROMPT_TEXTS_WRONG', {
      found: `${texts.length} texts for template "${template.source}"`,
      expected: `${template.texts}`,
      fix: 'use a template for as many texts as the task has',
    });
  const special = specialIds(tokenizer);
  const idsOf = (piece: TemplatePiece, texts: readonly string[], word?: string): readonly number[] => {
    switch (piece.kind) {
      case 'mask':
        return word === undefined ? [special.mask] : plainIds(tokenizer, ` ${word}`);
      case 'cls':
      case 'sep':
        return [special[piece.kind]];
      case 'nextSegment':
        return [special.sep];
      case 'literal':
        return plainIds(tokenizer, piece.text);
      case 'text':
        return plainIds(tokenizer, changed(texts[piece.index]!, piece));
    }
  };
  const answered = template.pieces.filter(({ kind }) => kind !== 'cls');
  const parts = [
    ...template.pieces.map((piece) => ({ piece, ids: idsOf(piece, texts), asks: true })),
    ...demonstrations.flatMap((shown) =>
      answered.map((piece) => ({ piece, ids: idsOf(piece, shown.texts, shown.word), asks: false })),
    ),
  ];
  const textCount = template.texts * (1 + demonstrations.length);
  const fixed = parts.reduce((sum, { piece, ids }) => sum + (piece.kind === 'text' ? 0 : ids.length), 0);
  if (fixed + textCount > maxTokens)
    throw new PeftError('PROMPT_TOO_LONG', {
      found: `template "${template.source}" of ${fixed} tokens without its texts, and a limit of ${maxTokens}`,
      expected: `a limit of at least ${fixed + textCount}`,
      fix: 'raise the limit, shorten the template, or leave demonstrations out',
    });
  const lengths = parts.flatMap(({ piece, ids }) => (piece.kind === 'text' ? [ids.length] : []));
  const all = lengths.reduce((sum, length) => sum + length, 0);
  for (let over = all + fixed - maxTokens; over > 0; over--) {
    const shown = lengths.slice(template.texts);
    const first = shown.some((length) => length > 1) ? template.texts : 0;
    const from = first === 0 ? lengths.slice(0, template.texts) : shown;
    lengths[first + from.indexOf(Math.max(...from))]!--;
  }
  const kept = lengths.reduce((sum, length) => sum + length, 0);
  if (parts.some(({ piece, ids }) => piece.kind === 'text' && ids.includes(special.mask)))
    throw new PeftError('PROMPT_TEXT_WITH_MASK', {
      found: `a text that itself has the mask token: "${[texts, ...demonstrations.map((shown) => shown.texts)].flat().find((text) => plainIds(tokenizer, text).includes(special.mask))}"`,
      expected: 'one mask, that of the template',
      fix: 'take the mask out of the text',
    });
  const inputIds: number[] = [];
  const tokenTypeIds: number[] = [];
  let [segment, maskPosition] = [0, -1];
  for (const { piece, ids, asks } of parts) {
    const own = piece.kind === 'text' ? ids.slice(0, lengths.shift()) : ids;
    if (piece.kind === 'mask' && asks) maskPosition = inputIds.length;
    inputIds.push(...own);
    tokenTypeIds.push(...own.map(() => Math.min(segment, 1)));
    if (piece.kind === 'nextSegment') segment++;
  }
  return { inputIds, tokenTypeIds, maskPosition, truncated: all - kept };
}

function changed(text: string, piece: Extract<TemplatePiece, { kind: 'text' }>): string {
  // Characters outside the first plane are two units long.
  const cut = piece.dropLast ? text.replace(/.$/su, '') : text;
  const [first = ''] = cut;
  const rest = cut.slice(first.length);
  const letter =
    piece.firstLetter === 'lower' ? first.toLowerCase() : piece.firstLetter === 'upper' ? first.toUpperCase() : first;
  return `${piece.leadingSpace ? ' ' : ''}${letter}${rest}`;
}

/** Ids of a text without the special tokens around it. */
export const plainIds = (tokenizer: PromptTokenizer, text: string): readonly number[] =>
  tokenizer.encode(text, { maxTokens: Infinity }).inputIds.slice(1, -1);

/** Ids of the mask and of the tokens around a text. Errors: `TOKENIZER_UNSUITABLE`. */
export function specialIds({
  specialTokens,
  encode,
}: PromptTokenizer): Readonly<Record<'cls' | 'sep' | 'mask', number>> {
  const mask = specialTokens.get('[MASK]') ?? specialTokens.get('<mask>');
  const [cls, sep, ...more] = encode('', { maxTokens: Infinity }).inputIds;
  if (mask !== undefined && cls !== undefined && sep !== undefined && more.length === 0) return { cls, sep, mask };
  throw new PeftError('TOKENIZER_UNSUITABLE', {
    found:
      mask === undefined
        ? 'a tokenizer without a mask token'
        : 'a tokenizer without one special token on each side of a text',
    expected: 'the tokenizer of a masked language model: [CLS], [SEP] and [MASK], or <s>, </s> and <mask>',
    fix: 'take a masked language model as the host (BERT, RoBERTa), with its own tokenizer',
  });
}
