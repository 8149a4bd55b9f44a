import type { LabelledText } from './task.js';

/** Documents cut into passages of at most so many characters, before a blank where there is one: joined again they are the document. */
export function cutPassages(rows: readonly LabelledText[], length: number): LabelledText[] {
  const passages = rows.flatMap(({ references = [], ...row }) =>
    piecesOf(references[0] ?? '', length).map((piece) => ({ ...row, references: [piece] })),
  );
  return passages.map((passage, row) => ({ ...passage, row }));
}

function piecesOf(text: string, length: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > length) {
    const blank = text.slice(start + 1, start + length).search(/\s\S*$/);
    // A pair of code units is one character.
    const cut = blank >= 0 ? start + 1 + blank : start + length - (isHighSurrogate(text, start + length - 1) ? 1 : 0);
    pieces.push(text.slice(start, cut));
    start = cut;
  }
  pieces.push(text.slice(start));
  return pieces.filter((piece) => piece.trim() !== '');
}

const isHighSurrogate = (text: string, place: number): boolean => /[\uD800-\uDBFF]/.test(text[place] ?? '');
