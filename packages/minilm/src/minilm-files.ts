import { fileURLToPath } from 'node:url';
import { type MinilmModel, minilmModel } from './minilm-model.js';

/** Where the embedded host lies and what a loader cannot read from its files. */
export interface MinilmFiles extends MinilmModel {
  /** The model directory as a file path: `config.json`, `model.safetensors`, tokenizer files. */
  readonly directory: string;
  /** The same directory as a `file:` URL that ends in a slash. */
  readonly url: URL;
}

/** Says where the embedded host is. Reads nothing: pass the result to `loadHost` of `@tfjs-peft/transformer`. */
export function minilmFiles(): MinilmFiles {
  // src/ and dist/ are both one level below the package, so the same relative path serves sources, ESM and CommonJS builds.
  const url = new URL('../model/', import.meta.url);
  return { directory: fileURLToPath(url), url, ...minilmModel };
}
