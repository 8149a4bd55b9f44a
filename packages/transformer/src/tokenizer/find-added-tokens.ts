import type { AddedToken } from './part-schema.js';

/** A stretch of a text: an added token, or what lies between two. */
export interface Section {
  readonly text: string;
  /** Where it begins, in UTF-16 units. */
  readonly start: number;
  readonly token?: AddedToken;
}

const endsWithWord = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const startsWithWord = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const isSpace = (character: string | undefined) => character !== undefined && /\p{White_Space}/u.test(character);

/**
 * Cuts texts at added tokens, as `AddedVocabulary` of HF's Rust library does: of several at one place the longest; a token of `single_word` only
 * between other characters than those of words; one of `lstrip` or `rstrip` with the spaces on that side. `contentOf` gives what is
 * looked for.
 */
export function createSectioner(
  tokens: readonly AddedToken[],
  contentOf: (token: AddedToken) => string,
): (text: string) => Section[] {
  const byStart = new Map<string, { readonly content: string; readonly token: AddedToken }[]>();
  for (const token of tokens) {
    const content = contentOf(token);
    if (content !== '') byStart.set(content[0]!, [...(byStart.get(content[0]!) ?? []), { content, token }]);
  }
  for (const list of byStart.values()) list.sort((a, b) => b.content.length - a.content.length);

  return (text) => {
    const sections: Section[] = [];
    let done = 0;
    const add = (start: number, end: number, token?: AddedToken) => {
      if (end > start) sections.push({ text: text.slice(start, end), start, ...(token && { token }) });
      done = end;
    };
    for (let at = 0; at < text.length;) {
      const found = byStart.get(text[at]!)?.find(({ content }) => text.startsWith(content, at));
      if (!found) {
        at++;
        continue;
      }
      const { content, token } = found;
      let [start, end] = [at, at + content.length];
      at = end;
      const inWord =
        endsWithWord.test(text.slice(Math.max(0, start - 2), start)) || startsWithWord.test(text.slice(end, end + 2));
      if (token.single_word && inWord) continue;
      if (token.lstrip) while (start > done && isSpace(text[start - 1])) start--;
      if (token.rstrip) while (isSpace(text[end])) end++;
      add(done, start);
      add(start, end, token);
      at = end;
    }
    add(done, text.length);
    return sections;
  };
}
