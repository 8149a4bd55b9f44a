import type { PatternMatch } from '@tfjs-peft/peft-core/authoring';

/** Finds what a part of a tokenizer looks for: matches one after the other, none empty. */
export type Finder = (text: string) => PatternMatch[];

export const findLiteral =
  (wanted: string): Finder =>
  (text) => {
    const matches: PatternMatch[] = [];
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length))
      matches.push({ start: at, end: at + wanted.length });
    return matches;
  };

export function replaceMatches(text: string, matches: readonly PatternMatch[], content: string): string {
  let [result, done] = ['', 0];
  for (const { start, end } of matches) {
    result += text.slice(done, start) + content;
    done = end;
  }
  return result + text.slice(done);
}

export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
export const splitBehaviors: readonly SplitBehavior[] = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
];

/** Cuts a text at matches, or with `invert` at what lies between them, as `split` of HF's Rust library does. */
export function splitAt(
  text: string,
  matches: readonly PatternMatch[],
  behavior: SplitBehavior,
  invert: boolean,
): string[] {
  const pieces: { text: string; cut: boolean }[] = [];
  let done = 0;
  const add = (start: number, end: number, matched: boolean) => {
    if (end > start) pieces.push({ text: text.slice(start, end), cut: matched !== invert });
    done = end;
  };
  for (const { start, end } of matches) {
    add(done, start, false);
    add(start, end, true);
  }
  add(done, text.length, false);
  const result: string[] = [];
  const append = (piece: string, joins: boolean) => {
    if (joins && result.length > 0) result[result.length - 1] += piece;
    else result.push(piece);
  };
  pieces.forEach((piece, index) => {
    const before = pieces[index - 1];
    switch (behavior) {
      case 'Removed':
        if (!piece.cut) result.push(piece.text);
        break;
      case 'Isolated':
        result.push(piece.text);
        break;
      case 'Contiguous':
        append(piece.text, before?.cut === piece.cut);
        break;
      case 'MergedWithPrevious':
        append(piece.text, piece.cut && before?.cut === false);
        break;
      case 'MergedWithNext':
        append(piece.text, !piece.cut && before?.cut === true);
        break;
    }
  });
  return result;
}
