import { PeftError } from '@tfjs-peft/peft-core';

/** A piece of a template. */
export type TemplatePiece =
  | { readonly kind: 'cls' | 'sep' | 'mask' }
  /** A separator after which token types count one more. */
  | { readonly kind: 'nextSegment' }
  | { readonly kind: 'literal'; readonly text: string }
  | {
      readonly kind: 'text';
      /** Which text: 0 or 1. */
      readonly index: number;
      readonly leadingSpace: boolean;
      /** Without its last character. */
      readonly dropLast: boolean;
      readonly firstLetter: 'as-is' | 'lower' | 'upper';
    };

/** A parsed template: exactly one mask, at least one text. */
export interface Template {
  readonly source: string;
  readonly pieces: readonly TemplatePiece[];
  /** How many texts it takes: 1 or 2. */
  readonly texts: number;
}

/**
 * Reads the template language of LM-BFF (Gao et al. 2021, arXiv 2012.15723): pieces between `*`. `cls`, `mask`, `sep`, `sep+`; `sent_0`; `+sent_0` with a
 * leading space, `sent-_0` without its last character, `sentl_0` and `sentu_0` with a small or capital first letter, and combinations (`+sentl-_1`);
 * anything else is literal, with `_` for a space. Errors: `TEMPLATE_INVALID`, `TEMPLATE_WITHOUT_MASK`.
 */
export function parseTemplate(source: string): Template {
  const pieces = source
    .split('*')
    .filter((part) => part !== '')
    .map(pieceOf);
  const masks = pieces.filter(({ kind }) => kind === 'mask').length;
  if (masks === 0)
    throw new PeftError('TEMPLATE_WITHOUT_MASK', {
      found: `template "${source}"`,
      expected: 'a piece `*mask*`, where the label word stands',
      fix: 'put it where the word belongs: `*cls**sent_0*_It_was*mask*.*sep+*`',
    });
  const indices = pieces.flatMap((piece) => (piece.kind === 'text' ? [piece.index] : []));
  const texts = new Set(indices).size;
  if (masks > 1 || texts === 0 || indices.length !== texts || Math.max(...indices) !== texts - 1 || texts > 2)
    throw new PeftError('TEMPLATE_INVALID', {
      found: `template "${source}" with ${masks} masks and texts ${indices.join(', ') || 'none at all'}`,
      expected: 'one mask, and text 0 or texts 0 and 1, each once',
      fix: 'name each once: `*cls**sent_0*?*mask*,*+sentl_1**sep+*`',
    });
  return { source, pieces, texts };
}

function pieceOf(part: string): TemplatePiece {
  if (part === 'cls' || part === 'sep' || part === 'mask') return { kind: part };
  if (part === 'sep+') return { kind: 'nextSegment' };
  const text = /^(\+?)sent([lu]?)(-?)_(\d)$/.exec(part);
  if (!text) return { kind: 'literal', text: part.replaceAll('_', ' ') };
  const [, plus, letter, minus, index] = text;
  return {
    kind: 'text',
    index: Number(index),
    leadingSpace: plus === '+',
    dropLast: minus === '-',
    firstLetter: letter === 'l' ? 'lower' : letter === 'u' ? 'upper' : 'as-is',
  };
}
