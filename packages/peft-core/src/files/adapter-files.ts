import { PeftError } from '../errors.js';

/** An adapter folder: file name, with `/` for subfolders, to bytes. Reading and writing real folders is the caller's business. */
export type AdapterFiles = ReadonlyMap<string, Uint8Array>;

/** HF peft's configuration. */
export const hfConfigName = 'adapter_config.json';
/** HF peft's tensors; also the tensors of methods that HF peft does not know. */
export const tensorsName = 'adapter_model.safetensors';
/** Our record beside them, which HF peft ignores. */
export const recordName = 'tfjs_peft.json';
/** The parameters before folding: the vertices of a simplex. */
export const verticesName = 'vertices.safetensors';
const pickleName = 'adapter_model.bin';

/** Refuses names that could lead out of the folder. Errors: `FILE_NAME_UNSAFE`. */
export function checkFileNames(files: AdapterFiles): void {
  for (const name of files.keys())
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    if (name.split('/').some((part) => ['', '.', '..'].includes(part)) || /[\\:\u0000-\u001f]/.test(name))
      throw new PeftError('FILE_NAME_UNSAFE', {
        found: `the file name ${JSON.stringify(name)} in an adapter folder`,
        expected: 'relative names with "/" between folders and no "..", "\\", ":" or control characters',
        fix: 'do not use this folder unless you know where it comes from',
      });
}

/** The bytes of one file. Errors: `ADAPTER_FILE_MISSING`, `PICKLE_REFUSED` if only a pickle of the tensors is there. */
export function requireFile(files: AdapterFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes) return bytes;
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  if (name.endsWith(tensorsName) && files.has(folder + pickleName)) throw pickleRefused(folder + pickleName);
  throw new PeftError('ADAPTER_FILE_MISSING', {
    found: `no ${name} among ${[...files.keys()].join(', ') || 'no files at all'}`,
    expected: `the files of an adapter: ${tensorsName} with ${recordName} or ${hfConfigName}`,
    fix: 'pass all files of the folder that the adapter was saved in',
  });
}

export const pickleNames = (files: AdapterFiles): string[] =>
  [...files.keys()].filter((name) => name === pickleName || name.endsWith(`/${pickleName}`));

const pickleRefused = (name: string) =>
  new PeftError('PICKLE_REFUSED', {
    found: `${name}, a Python pickle: reading one runs the code inside it`,
    expected: tensorsName,
    fix: `load it with HF peft on a machine you can lose and save it again with save_pretrained, which writes ${tensorsName}`,
  });
