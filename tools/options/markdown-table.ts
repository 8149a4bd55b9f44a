/** Rows of cells as a table of Markdown; the first row holds the titles. */
export const markdownTable = ([titles = [], ...rows]: readonly (readonly string[])[]): string =>
  [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
