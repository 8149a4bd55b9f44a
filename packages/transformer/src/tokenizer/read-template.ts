import { type Json, type JsonObject, PeftError } from '@tfjs-peft/peft-core';

/** One piece of what a model expects around its texts: the tokens of a text, or special tokens. */
export type TemplatePiece =
  | { readonly kind: 'text'; readonly which: 'first' | 'second'; readonly typeId: number }
  | { readonly kind: 'special'; readonly ids: readonly number[]; readonly typeId: number };

/** The order of texts and special tokens, and their token types. */
export interface Template {
  readonly single: readonly TemplatePiece[];
  readonly pair: readonly TemplatePiece[];
}

const text = (which: 'first' | 'second', typeId: number): TemplatePiece => ({ kind: 'text', which, typeId });
const special = (ids: readonly number[], typeId: number): TemplatePiece => ({ kind: 'special', ids, typeId });

export const countSpecials = (pieces: readonly TemplatePiece[]): number =>
  pieces.reduce((sum, piece) => sum + (piece.kind === 'special' ? piece.ids.length : 0), 0);

/**
 * The template that `post_processor` of a tokenizer.json describes. Errors: `TOKENIZER_UNSUPPORTED` for a type that is not one of
 * TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and sequences of them; `TOKENIZER_INVALID` for a malformed one.
 */
export function readTemplate(postProcessor: Json | undefined): Template {
  if (postProcessor == null) return withoutSpecials;
  const described = postProcessor as JsonObject;
  switch (described.type) {
    case 'TemplateProcessing':
      return { single: readPieces(described, 'single'), pair: readPieces(described, 'pair') };
    case 'BertProcessing':
      return fixedTemplate(described, false);
    case 'RobertaProcessing':
      return fixedTemplate(described, true);
    case 'ByteLevel': // changes offsets only
      return withoutSpecials;
    case 'Sequence': {
      const templates = (described.processors as readonly Json[]).map(readTemplate);
      const [template = withoutSpecials, ...more] = templates.filter((found) => found !== withoutSpecials);
      if (more.length > 0) throw unsupported('Sequence of several that add special tokens');
      return template;
    }
    default:
      throw unsupported(String(described.type));
  }
}

const unsupported = (type: string) =>
  new PeftError('TOKENIZER_UNSUPPORTED', {
    found: `post_processor "${type}" in tokenizer.json`,
    expected: 'TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or a Sequence with one of them',
    fix: 'use a host whose tokenizer has one of these, or save its tokenizer again with TemplateProcessing',
  });

const withoutSpecials: Template = { single: [text('first', 0)], pair: [text('first', 0), text('second', 1)] };

function fixedTemplate({ cls, sep }: JsonObject, roberta: boolean): Template {
  const idOf = (token: Json | undefined) => {
    const id = Array.isArray(token) ? (token[1] as unknown) : undefined;
    if (typeof id !== 'number') throw invalid('its special tokens have no ids');
    return id;
  };
  const [start, end] = [[idOf(cls)], [idOf(sep)]];
  const single = [special(start, 0), text('first', 0), special(end, 0)];
  // RoBERTa separates a pair by two end tokens and has one token type.
  const pair = roberta
    ? [...single, special(end, 0), text('second', 0), special(end, 0)]
    : [...single, text('second', 1), special(end, 1)];
  return { single, pair };
}

function readPieces(described: JsonObject, form: 'single' | 'pair'): TemplatePiece[] {
  const known = (described.special_tokens ?? {}) as Record<string, { readonly ids?: readonly number[] }>;
  const pieces = described[form];
  if (!Array.isArray(pieces)) throw invalid(`"${form}" is not a list`);
  return pieces.map((piece: Record<string, { readonly id: string; readonly type_id: number }>) => {
    if (piece.Sequence) return text(piece.Sequence.id === 'A' ? 'first' : 'second', piece.Sequence.type_id);
    const token = piece.SpecialToken;
    const ids = token && known[token.id]?.ids;
    if (!token || !ids) throw invalid(`"${form}" names the token ${JSON.stringify(token?.id ?? piece)} without ids`);
    return special(ids, token.type_id);
  });
}

const invalid = (why: string) =>
  new PeftError('TOKENIZER_INVALID', {
    found: `post_processor in tokenizer.json: ${why}`,
    expected: 'the form that HF tokenizers writes',
    fix: 'get tokenizer.json again from its origin',
  });
