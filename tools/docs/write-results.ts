// Writes the tables of pages that come from files of finished runs. A test compares them.
import { writeFileSync } from 'node:fs';
import { insertTables, resultPages } from './result-pages.js';

for (const each of resultPages) writeFileSync(each.page, await insertTables(each));
