import { writeFile } from 'node:fs/promises';
import { docsText } from './docs-text.js';

await writeFile(new URL('../../../docs/conformance.md', import.meta.url), docsText());
