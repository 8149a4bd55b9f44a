import { PeftError } from '@tfjs-peft/peft-core';
import { fillTemplate, type LabelledText } from '@tfjs-peft/glue-fewshot';
import { completion, type LanguageExample } from '@tfjs-peft/train';
import { type GenerationSettings, parseGeneration, requireDecoder, type Tokenizer } from '@tfjs-peft/transformer';
import type { Session } from './session.js';
import type { TextTaskData } from './task-data.js';

/** Where texts of a task of texts are cut. */
export interface TextLimits {
  /** Of prompt and completion together. */
  readonly maxTokens: number;
  /** Of completions, the token that ends them included. */
  readonly maxNewTokens: number;
}

/** What makes examples of rows: a part of a session on a task of texts. */
export interface TextSession extends Pick<Session, 'tokenizer' | 'host' | 'maxTokens' | 'generation'> {
  readonly data: TextTaskData;
}

/** How a session continues prompts. */
export const generationOf = ({ generation = parseGeneration() }: Pick<Session, 'generation'>): GenerationSettings =>
  generation;

/** Errors: `TEXT_LIMIT_TOO_SMALL` where generation leaves no room for prompts. */
export function textLimits(session: Pick<Session, 'generation' | 'maxTokens'>): TextLimits {
  const { maxNewTokens } = generationOf(session);
  const { maxTokens } = session;
  // Less is no prompt any more.
  if (maxTokens - maxNewTokens >= 8) return { maxTokens, maxNewTokens };
  throw new PeftError('TEXT_LIMIT_TOO_SMALL', {
    found: `texts of ${maxTokens} tokens, of which ${maxNewTokens} are for what is generated`,
    expected: 'room for a prompt of at least 8 tokens',
    fix: 'raise data.maxTokens (as far as the host goes), or lower test.generation.maxNewTokens',
  });
}

/** What stands before a text of which nothing is given: the tokens that begin texts, or the one that ends the text before. */
function beginning({ tokenizer, host }: Pick<Session, 'tokenizer' | 'host'>): readonly number[] {
  const { inputIds } = tokenizer.encode('', { maxTokens: Infinity });
  return inputIds.length > 0 ? inputIds : requireDecoder(host).config.endTokenIds.slice(0, 1);
}

const idsOf = (tokenizer: Tokenizer, text: string): readonly number[] =>
  tokenizer.encode(text, { maxTokens: Infinity }).inputIds;

/** The prompts of rows as token ids. Where one is too long, the longest of its fields loses its end, never the template. */
export const promptsOf = (session: TextSession, rows: readonly LabelledText[]): (readonly number[])[] =>
  encodePrompts(session, rows).map(({ ids }) => ids);

/** What to tell a user of texts that are too long; undefined where none is. Errors: `TEXT_LIMIT_TOO_SMALL`. */
export function describeCutTexts(session: TextSession, rows: readonly LabelledText[]): string | undefined {
  const { tokenizer, data } = session;
  const { template } = data;
  if (template === '') return undefined;
  const { maxTokens, maxNewTokens } = textLimits(session);
  const prompts = encodePrompts(session, rows).filter((prompt) => prompt.cut).length;
  const encode = continuationEncoder(tokenizer);
  const references = rows.filter(
    (row) => encode(continuationOf(template, row.references?.[0] ?? '')).length > maxNewTokens,
  ).length;
  const told = [
    ...(prompts > 0
      ? [
          `${prompts} of ${rows.length} prompts are longer than ${maxTokens - maxNewTokens} tokens and were cut (data.maxTokens less test.generation.maxNewTokens)`,
        ]
      : []),
    ...(references > 0
      ? [
          `${references} of ${rows.length} references are longer than ${maxNewTokens} tokens: what is learned of them, and their likelihood, ends there (test.generation.maxNewTokens)`,
        ]
      : []),
  ];
  return told.length > 0 ? told.join('; ') : undefined;
}

function encodePrompts(session: TextSession, rows: readonly LabelledText[]) {
  const { maxTokens, maxNewTokens } = textLimits(session);
  return rows.map((row) => promptOf(session, row, maxTokens - maxNewTokens));
}

function promptOf(
  session: TextSession,
  { texts }: LabelledText,
  room: number,
): { ids: readonly number[]; cut: boolean } {
  const { tokenizer, data } = session;
  const { fields } = data.loaded.task;
  const { template } = data;
  const shortened = [...texts];
  for (;;) {
    const ids = idsOf(tokenizer, fillTemplate(template, fields, shortened));
    if (ids.length === 0) return { ids: beginning(session), cut: false };
    const longest = shortened.reduce((best, text, at) => (text.length > shortened[best]!.length ? at : best), 0);
    const length = shortened[longest]?.length ?? 0;
    if (ids.length <= room) return { ids, cut: shortened.some((text, at) => text !== texts[at]) };
    // Of a template that is too long by itself the end counts, after which the text is written.
    if (length === 0) return { ids: ids.slice(-room), cut: true };
    shortened[longest] = shortened[longest]!.slice(0, Math.min(length - 1, Math.floor((length * room) / ids.length)));
  }
}

/** What is to be written after a prompt: apart from it by a blank, unless the template ends with one. */
const continuationOf = (template: string, reference: string): string =>
  template === '' || /\s$/.test(template) ? reference : ` ${reference}`;

/** Stands before a text while it is encoded: a word that merges with nothing behind it. */
const anchor = '\n';

/**
 * Tokens of texts as they stand in the middle of another: some tokenizers give the first word of a text a token of its own, or a blank before it. What
 * begins texts stands before the prompt already.
 */
function continuationEncoder(tokenizer: Tokenizer): (text: string) => readonly number[] {
  const start = idsOf(tokenizer, anchor);
  const special = idsOf(tokenizer, '').length;
  return (text) => {
    const both = idsOf(tokenizer, `${anchor}${text}`);
    const isKept = start.length > 0 && start.every((id, at) => both[at] === id);
    return isKept ? both.slice(start.length) : idsOf(tokenizer, text).slice(special);
  };
}

/**
 * The first reference of each row after its prompt, as examples of the next token; of a task without a prompt the whole text, in windows that overlap by a
 * token, so that every token but the first is predicted once. Errors: `TEXT_LIMIT_TOO_SMALL`, `COMPLETION_EMPTY`.
 */
export function languageExamples(session: TextSession, rows: readonly LabelledText[]): LanguageExample[][] {
  const { tokenizer, data, host } = session;
  const { template } = data;
  const { maxTokens, maxNewTokens } =
    template === '' ? { maxTokens: session.maxTokens, maxNewTokens: 0 } : textLimits(session);
  const before = beginning(session);
  const special = idsOf(tokenizer, '').length;
  const encode = continuationEncoder(tokenizer);
  return rows.map((row) => {
    const reference = row.references?.[0] ?? '';
    if (template === '')
      return windows(before, idsOf(tokenizer, reference).slice(special), bytesOf(reference), maxTokens);
    const { ids } = promptOf(session, row, maxTokens - maxNewTokens);
    const text = continuationOf(template, reference);
    const wanted = encode(text);
    const [end] = requireDecoder(host).config.endTokenIds;
    const whole = end === undefined ? wanted : [...wanted, end];
    const bytes = wanted.length > maxNewTokens ? bytesOfCut(tokenizer, text, wanted, maxNewTokens) : bytesOf(text);
    return [completion({ inputIds: [...ids] }, { inputIds: whole.slice(0, maxNewTokens) }, bytes)];
  });
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Bytes of the first `count` tokens of a text. */
function bytesOfCut(tokenizer: Tokenizer, text: string, ids: readonly number[], count: number): number {
  const bytesOfIds = (some: readonly number[]) => bytesOf(tokenizer.decode(some));
  // Decoding need not give a text back to the letter: by proportion.
  return Math.round((bytesOf(text) * bytesOfIds(ids.slice(0, count))) / Math.max(1, bytesOfIds(ids)));
}

function windows(before: readonly number[], ids: readonly number[], bytes: number, length: number): LanguageExample[] {
  const examples: LanguageExample[] = [];
  for (let start = 0; start < ids.length;) {
    const given = start === 0 ? before : [ids[start - 1]!];
    const end = Math.min(ids.length, start + length - given.length);
    examples.push(completion({ inputIds: [...given] }, { inputIds: ids.slice(start, end) }, start === 0 ? bytes : 0));
    start = end;
  }
  return examples;
}
