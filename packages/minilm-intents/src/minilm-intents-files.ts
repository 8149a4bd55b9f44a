import { fileURLToPath } from 'node:url';

/** Where the prepared start and the new tasks lie. */
export interface MinilmIntentsFiles {
  /** The folder of the start as a file path: `prepared.json`, `start.safetensors`, and `new/` with one CSV file a task. */
  readonly directory: string;
  /** The same folder as a `file:` URL that ends in a slash. */
  readonly url: URL;
  /** Names of the tasks in `new/` that nothing was prepared on, without their ending. */
  readonly tasks: readonly ['kitchen_and_dining', 'travel', 'work'];
}

/** Says where they are. Reads nothing: pass the folder to `adaptStart` of `@tfjs-peft/eval`, or to `tfjs-peft adapt`. */
export function minilmIntentsFiles(): MinilmIntentsFiles {
  // src/ and dist/ are both one level below the package, so the same relative path serves sources, ESM and CommonJS builds.
  const url = new URL('../data/', import.meta.url);
  return { directory: fileURLToPath(url), url, tasks: ['kitchen_and_dining', 'travel', 'work'] };
}
