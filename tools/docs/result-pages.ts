import { existsSync, readFileSync } from 'node:fs';
import { behaviourFile, behaviourTable } from '../kernel/behaviour-table.js';
import { choicesFile, choiceTable } from '../kernel/choice-table.js';
import { ranksFile, rankTable } from '../kernel/rank-table.js';
import { startsFile, startTable } from '../meta/start-table.js';
import { textsFile, textTable } from '../meta/text-table.js';
import { fillPage } from './fill-page.js';

const root = new URL('../../', import.meta.url);

/** A place of a page, the file with a finished run a line, and the table that they make. */
interface ResultTable {
  readonly mark: string;
  readonly file: string;
  readonly tableOf: (results: readonly never[]) => string;
}

/** Pages whose tables come from files of results. */
export const resultPages: readonly { readonly page: URL; readonly tables: readonly ResultTable[] }[] = [
  {
    page: new URL('docs/kernel.md', root),
    tables: [
      { mark: 'behaviour', file: behaviourFile, tableOf: behaviourTable },
      { mark: 'choices', file: choicesFile, tableOf: choiceTable },
      { mark: 'ranks', file: ranksFile, tableOf: rankTable },
    ],
  },
  {
    page: new URL('docs/meta.md', root),
    tables: ['sentiment', 'clinc150'].map((family) => ({
      mark: family,
      file: startsFile(family),
      tableOf: startTable,
    })),
  },
  {
    page: new URL('docs/texts.md', root),
    tables: [
      ...['lm', 'summarisation', 'persona'].map((family) => ({
        mark: family,
        file: textsFile(family, 'minigpt'),
        tableOf: textTable,
      })),
      { mark: 'lm-smollm2', file: textsFile('lm', 'smollm2-135m'), tableOf: textTable },
    ],
  },
];

/** The page with the tables of all that is finished. */
export async function insertTables({ page, tables }: (typeof resultPages)[number]): Promise<string> {
  let filled = readFileSync(page, 'utf8');
  for (const { mark, file, tableOf } of tables) {
    const results = readLines(file);
    if (results.length > 0) filled = await fillPage(filled, mark, tableOf(results), page);
  }
  return filled;
}

/** Finished runs, none where nothing was run yet. */
function readLines(file: string): never[] {
  const path = new URL(file, root);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as never);
}
