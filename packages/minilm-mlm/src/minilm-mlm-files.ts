import { fileURLToPath } from 'node:url';

/** Where the adapter and the head lie. */
export interface MinilmMlmFiles {
  /** The folder as a file path: an adapter of HF peft, and `mlm_head.safetensors`. */
  readonly directory: string;
  /** The same folder as a `file:` URL that ends in a slash. */
  readonly url: URL;
  /** The host that they were made for. */
  readonly host: 'sentence-transformers/all-MiniLM-L6-v2';
}

/** Says where they are. Reads nothing: load the adapter with `loadAdapter`, the head with `loadMlmHead`. */
export function minilmMlmFiles(): MinilmMlmFiles {
  // src/ and dist/ are both one level below the package, so the same relative path serves sources, ESM and CommonJS builds.
  const url = new URL('../model/', import.meta.url);
  return { directory: fileURLToPath(url), url, host: 'sentence-transformers/all-MiniLM-L6-v2' };
}
