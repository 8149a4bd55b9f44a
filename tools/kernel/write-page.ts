// Writes the tables of docs/kernel.md from docs/kernel/*.jsonl. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { insertTables, kernelPage } from './page.js';

writeFileSync(kernelPage, await insertTables(readFileSync(kernelPage, 'utf8')));
