import { readFileSync } from 'node:fs';

/** Version of this package, from its package.json: one level above both src/ and dist/. */
export const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;
