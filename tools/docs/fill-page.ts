import { format, resolveConfig } from 'prettier';

/** A page with `text` between `<!-- mark -->` and `<!-- /mark -->`, formatted. Errors: no such place. */
export async function fillPage(page: string, mark: string, text: string, file: URL): Promise<string> {
  const place = new RegExp(`(<!-- ${mark}[^>]*-->\n)[\\s\\S]*?(<!-- /${mark} -->)`);
  if (!place.test(page)) throw new Error(`the page has no place <!-- ${mark} --> … <!-- /${mark} -->`);
  const filled = page.replace(place, (_all, start: string, end: string) => `${start}\n${text}\n\n${end}`);
  return format(filled, { ...(await resolveConfig(file)), parser: 'markdown' });
}
