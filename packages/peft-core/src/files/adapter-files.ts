import { PeftError } from '../errors.js';

/** An adapter folder: file name, with `/` for subfolders, to bytes. Reading and writing real folders is the caller's business. */
export type AdapterFiles = ReadonlyMap<string, Uint8Array>;

/** The configuration of HF peft, and of AdapterHub. */
export const hfConfigName = 'adapter_config.json';
/** HF peft's tensors; also the tensors of methods that HF peft does not know. */
export const tensorsName = 'adapter_model.safetensors';
/** Our record beside them, which HF peft ignores. */
export const recordName = 'tfjs_peft.json';
/** The parameters before folding: the vertices of a simplex. */
export const verticesName = 'vertices.safetensors';
/** AdapterHub's tensors, and those of its head with the head's configuration. */
export const hubTensorsName = 'adapter.safetensors';
export const hubHeadTensorsName = 'model_head.safetensors';
export const hubHeadConfigName = 'head_config.json';

/** Refuses names that could lead out of the folder. Errors: `FILE_NAME_UNSAFE`. */
export function checkFileNames(files: AdapterFiles): void {
  for (const name of files.keys())
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    if (name.split('/').some((part) => ['', '.', '..'].includes(part)) || /[\\:\u0000-\u001f]/.test(name))
      throw new PeftError('FILE_NAME_UNSAFE', {
        found: `the file name ${JSON.stringify(name.slice(0, 200))} in an adapter folder`,
        expected: 'relative names with "/" between folders and no "..", "\\", ":" or control characters',
        fix: 'do not use this folder unless you know where it comes from',
      });
}

/** Pickles by the tensors that stand in their place, and how to get those. */
const pickles: Readonly<Record<string, { readonly name: string; readonly cure: string }>> = {
  [tensorsName]: {
    name: 'adapter_model.bin',
    cure: `load it with HF peft on a machine you can lose and save it again with save_pretrained, which writes ${tensorsName}`,
  },
  [hubTensorsName]: {
    name: 'pytorch_adapter.bin',
    cure: `load it with AdapterHub's adapters on a machine you can lose and save it again with save_adapter(…, use_safetensors=True); it cannot write prefixes so: docs/files.md has a conversion`,
  },
  [hubHeadTensorsName]: {
    name: 'pytorch_model_head.bin',
    cure: `save the head again with save_head(…, use_safetensors=True), or leave out the head's files to load the adapter without it`,
  },
};

/** The bytes of one file. Errors: `ADAPTER_FILE_MISSING`, `PICKLE_REFUSED` if only a pickle of the tensors is there. */
export function requireFile(files: AdapterFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes) return bytes;
  refusePickle(files, name);
  throw new PeftError('ADAPTER_FILE_MISSING', {
    found: `no ${name} among ${listNames([...files.keys()])}`,
    expected: `the files of an adapter: ${tensorsName} with ${recordName} or ${hfConfigName}`,
    fix: 'pass all files of the folder that the adapter was saved in',
  });
}

/** Errors: `PICKLE_REFUSED` if a file is missing and a pickle stands in its place. */
export function refusePickle(files: AdapterFiles, name: string): void {
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  const pickle = pickles[name.slice(folder.length)];
  if (!pickle || files.has(name) || !files.has(folder + pickle.name)) return;
  throw new PeftError('PICKLE_REFUSED', {
    found: `${folder + pickle.name}, a Python pickle: reading one runs the code inside it`,
    expected: name,
    fix: pickle.cure,
  });
}

export const pickleNames = (files: AdapterFiles): string[] => {
  const known = Object.values(pickles).map(({ name }) => name);
  return [...files.keys()].filter((name) => known.includes(name.slice(name.lastIndexOf('/') + 1)));
};

/** Subfolders, at any depth, that hold the configuration of an adapter. */
export const adapterFolders = (files: AdapterFiles): string[] =>
  [...files.keys()]
    .filter((name) => name.endsWith(`/${hfConfigName}`))
    .map((name) => name.slice(0, -hfConfigName.length - 1));

/**
 * Refuses a folder whose adapters are all in subfolders, as HF peft writes those with another name than `default`.
 * Errors: `ADAPTER_IN_SUBFOLDER`.
 */
export function requireTopFolder(files: AdapterFiles): void {
  const folders = adapterFolders(files);
  if (files.has(hfConfigName) || folders.length === 0) return;
  throw new PeftError('ADAPTER_IN_SUBFOLDER', {
    found:
      folders.length === 1
        ? `no ${hfConfigName}, but one in the subfolder "${folders[0]}"`
        : `no ${hfConfigName}, but ${folders.length} in subfolders: ${listNames(folders)}`,
    expected: 'the files of one adapter; HF peft writes adapters with another name than "default" into subfolders',
    fix: `load with \`folder: ${JSON.stringify(folders[0])}\`${folders.length === 1 ? '' : ' or another one of them'}`,
  });
}

/** The files of one subfolder, by their names in it. Errors: `ADAPTER_FILE_MISSING`. */
export function filesBelow(files: AdapterFiles, folder: string): AdapterFiles {
  const start = `${folder.replace(/\/+$/, '')}/`;
  const below = new Map(
    [...files].flatMap(([name, bytes]) => (name.startsWith(start) ? [[name.slice(start.length), bytes]] : [])),
  );
  if (below.size > 0) return below;
  throw new PeftError('ADAPTER_FILE_MISSING', {
    found: `no files in the subfolder ${JSON.stringify(folder)}`,
    expected: `one of ${listNames(adapterFolders(files))}`,
    fix: 'name a subfolder of the files that you pass',
  });
}

/** A few names, for messages: a folder may hold any number. */
const listNames = (names: readonly string[]) => {
  const shown = names.slice(0, 8).map((name) => (name.length > 120 ? `${name.slice(0, 120)}…` : name));
  return names.length === 0
    ? 'no files at all'
    : shown.join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : '');
};
