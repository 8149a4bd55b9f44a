/** Books of one text, each of which begins with a byte order mark. */
export const splitBooks = (text: string): string[] => text.split('\uFEFF').filter((book) => book.trim() !== '');

/** Lines longer than this were not broken by hand. */
const widestLine = 100;

/**
 * Paragraphs of a book, without the line breaks of its printed lines. Where lines are as long as paragraphs each is one; else blank lines part them.
 */
export function paragraphsOf(book: string): string[] {
  const lines = book.split(/\r?\n/).map((line) => line.replace(/\s+/g, ' ').trim());
  const filled = lines.filter((line) => line !== '');
  const isBroken = filled.filter(({ length }) => length > widestLine).length < filled.length / 20;
  if (!isBroken) return filled;
  const paragraphs: string[] = [];
  let open = false;
  for (const line of lines) {
    if (line === '') open = false;
    else if (open) paragraphs.push(`${paragraphs.pop()!} ${line}`);
    else {
      paragraphs.push(line);
      open = true;
    }
  }
  return paragraphs;
}

/** Paragraphs one after the other, as many as fit into `characters`; a longer one is a passage alone. */
export function passagesOf(book: string, characters: number): string[] {
  const passages: string[] = [];
  for (const paragraph of paragraphsOf(book)) {
    const last = passages.at(-1);
    if (last !== undefined && last.length + 1 + paragraph.length <= characters)
      passages[passages.length - 1] = `${last}\n${paragraph}`;
    else passages.push(paragraph);
  }
  return passages;
}
