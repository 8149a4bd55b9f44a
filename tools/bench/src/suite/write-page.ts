// Writes what `npm run bench:suite` measured into docs/performance.md. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { readFigures } from './figures.js';
import { drawGrowth, insertFigures, performancePage, performancePicture } from './page.js';

const figures = readFigures();
writeFileSync(performancePage, await insertFigures(readFileSync(performancePage, 'utf8'), figures));
writeFileSync(performancePicture, await drawGrowth(figures));
