// node --import tsx tools/peft-method/update-docs.ts: copies the template into docs/write-a-method.md. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { insertFiles } from './src/insert-files.js';

const root = new URL('../../', import.meta.url);
const page = new URL('docs/write-a-method.md', root);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
writeFileSync(page, insertFiles(readFileSync(page, 'utf8'), read));
