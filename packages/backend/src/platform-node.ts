/** What only Node can do; `#platform` of package.json, in whose place a page gets platform-browser.ts. */
import { readFile } from 'node:fs/promises';

export { loadTensorflow } from './load-tensorflow.js';

/** The bytes of a file of this package. */
export const readBytes = (url: URL): Promise<Uint8Array<ArrayBuffer>> => readFile(url);
