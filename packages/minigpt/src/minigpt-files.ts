import { fileURLToPath } from 'node:url';

/** Where the embedded causal host lies. */
export interface MinigptFiles {
  /** The model directory as a file path: `config.json`, `model.safetensors`, the tokenizer's files. */
  readonly directory: string;
  /** The same directory as a `file:` URL that ends in a slash. */
  readonly url: URL;
  /** The name that its adapters record. */
  readonly name: 'minigpt';
}

/** Says where the embedded causal host is. Reads nothing: pass the result to `loadHost` of `@tfjs-peft/transformer`. */
export function minigptFiles(): MinigptFiles {
  // src/ and dist/ are both one level below the package, so the same relative path serves sources, ESM and CommonJS builds.
  const url = new URL('../model/', import.meta.url);
  return { directory: fileURLToPath(url), url, name: 'minigpt' };
}
