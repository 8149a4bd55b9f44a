import { PeftError } from '@tfjs-peft/peft-core';
import { bounds } from '@tfjs-peft/peft-core/authoring';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';

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

/** The largest id of a special token and the largest token type; -1 without any. */
export function largestIds({ single, pair }: Template): { readonly id: number; readonly typeId: number } {
  const pieces = [...single, ...pair];
  return {
    id: pieces.flatMap((piece) => (piece.kind === 'special' ? piece.ids : [])).reduce((a, b) => Math.max(a, b), -1),
    typeId: pieces.reduce((most, { typeId }) => Math.max(most, typeId), -1),
  };
}

/**
 * The template that `post_processor` of a tokenizer.json describes. Errors: `TOKENIZER_UNSUPPORTED` for a type that is not one of
 * TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and sequences of them; `TOKENIZER_INVALID` for a malformed one.
 */
export function readTemplate(postProcessor: Json | undefined): Template {
  if (postProcessor == null) return withoutSpecials;
  if (!isJsonObject(postProcessor)) throw invalid('it is not an object');
  const described = postProcessor;
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
      const { processors } = described;
      if (!Array.isArray(processors)) throw invalid('"processors" is not a list');
      const templates = (processors as readonly Json[]).map((processor) => readTemplate(processor));
      const [template = withoutSpecials, ...more] = templates.filter((found) => found !== withoutSpecials);
      if (more.length > 0) throw unsupported('Sequence of several that add special tokens');
      return template;
    }
    default:
      throw unsupported(typeof described.type === 'string' ? described.type.slice(0, 60) : 'without a type');
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
    if (!isId(id)) throw invalid('its special tokens have no ids');
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
  const known = isJsonObject(described.special_tokens) ? described.special_tokens : {};
  const pieces = described[form];
  if (!Array.isArray(pieces)) throw invalid(`"${form}" is not a list`);
  const read = (pieces as readonly Json[]).map((piece): TemplatePiece => {
    const [kind, entry] = isJsonObject(piece) ? (Object.entries(piece)[0] ?? []) : [];
    const { id, type_id: typeId } = isJsonObject(entry) ? entry : {};
    if (typeof id !== 'string' || !isId(typeId)) throw invalid(`"${form}" holds ${brief(piece)}`);
    if (kind === 'Sequence' && (id === 'A' || id === 'B')) return text(id === 'A' ? 'first' : 'second', typeId);
    const token = Object.hasOwn(known, id) ? known[id] : undefined;
    const ids = isJsonObject(token) ? token.ids : undefined;
    if (kind !== 'SpecialToken' || !Array.isArray(ids) || !ids.every(isId))
      throw invalid(`"${form}" names the token ${JSON.stringify(id.slice(0, 60))} without ids`);
    return special(ids, typeId);
  });
  // What a text may have of the host's positions is worked out for one place a text.
  const count = (which: 'first' | 'second') =>
    read.filter((piece) => piece.kind === 'text' && piece.which === which).length;
  if (count('first') > 1) throw invalid(`"${form}" has the text A more than once`);
  if (count('second') > (form === 'single' ? 0 : 1)) throw invalid(`"${form}" has the text B too often`);
  return read;
}

/** What can be an index of a table at all; whether the table has it, the host knows. */
const isId = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < bounds.host.vocabulary;

const brief = (piece: Json) => JSON.stringify(piece).slice(0, 80);

const invalid = (why: string) =>
  new PeftError('TOKENIZER_INVALID', {
    found: `post_processor in tokenizer.json: ${why}`,
    expected: 'the form that HF tokenizers writes',
    fix: 'get tokenizer.json again from its origin',
  });
