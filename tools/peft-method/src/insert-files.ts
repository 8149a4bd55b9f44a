/** A Markdown page in which every code block after a line `<!-- file: path -->` holds that file. */
export const insertFiles = (page: string, read: (path: string) => string): string =>
  page.replace(
    /(<!-- file: (\S+) -->\n+(?:<!-- prettier-ignore -->\n)?```\w*\n).*?(\n```)/gs,
    (_block, start: string, path: string, end: string) => `${start}${read(path).trimEnd()}${end}`,
  );
