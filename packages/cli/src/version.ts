import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Version of this package, from its package.json: one level above both src/ and dist/. */
export const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;

/** What starts the command: of Node, with its arguments. */
export const bin = fileURLToPath(new URL('../bin/tfjs-peft.mjs', import.meta.url));
