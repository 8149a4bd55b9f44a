/**
 * The embedded host in a page.
 * @module
 */
import { type MinilmModel, minilmModel } from './minilm-model.js';

/** Where a page finds the embedded host, and what a loader cannot read from its files. */
export interface MinilmAddresses extends MinilmModel {
  /** The address of each file by its name, for `loadHostFromUrl` of `@tfjs-peft/transformer`. */
  readonly files: Readonly<Record<string, URL>>;
}

/** Says where a page finds the embedded host. Bundlers that know `new URL(file, import.meta.url)` (Vite, webpack, Parcel) put the files beside the page. */
export const minilmAddresses = (): MinilmAddresses => ({
  files: {
    'config.json': new URL('../model/config.json', import.meta.url),
    'model.safetensors': new URL('../model/model.safetensors', import.meta.url),
    'tokenizer.json': new URL('../model/tokenizer.json', import.meta.url),
    'tokenizer_config.json': new URL('../model/tokenizer_config.json', import.meta.url),
  },
  ...minilmModel,
});
