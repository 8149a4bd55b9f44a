// Writes docs/errors.md, the index of all error codes, from the sources of the packages. A test compares them.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { collectErrors } from './collect-errors.js';
import { errorPage } from './error-page.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
writeFileSync(`${root}/docs/errors.md`, await errorPage(collectErrors(root)));
