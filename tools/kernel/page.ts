import { existsSync, readFileSync } from 'node:fs';
import { fillPage } from '../docs/fill-page.js';
import { behaviourFile, type BehaviourResult, behaviourTable } from './behaviour-table.js';
import { choicesFile, type ChoiceResult, choiceTable } from './choice-table.js';
import { type RankResult, ranksFile, rankTable } from './rank-table.js';

const root = new URL('../../', import.meta.url);
/** The page whose tables come from the results files. */
export const kernelPage = new URL('docs/kernel.md', root);

/** Finished runs, none where nothing was run yet. */
const readLines = <T>(file: string): T[] => {
  const path = new URL(file, root);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
};

/** The page with the tables of all that is finished. */
export async function insertTables(page: string): Promise<string> {
  const tables = [
    ['behaviour', behaviourTable, readLines<BehaviourResult>(behaviourFile)],
    ['choices', choiceTable, readLines<ChoiceResult>(choicesFile)],
    ['ranks', rankTable, readLines<RankResult>(ranksFile)],
  ] as const;
  let filled = page;
  for (const [mark, tableOf, results] of tables)
    if (results.length > 0) filled = await fillPage(filled, mark, tableOf(results as never), kernelPage);
  return filled;
}
