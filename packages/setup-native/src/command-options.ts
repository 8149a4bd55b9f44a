/** A flag of the command line. */
export interface SetupFlag {
  readonly name: 'cuda' | 'upstream' | 'check' | 'undo' | 'dry-run';
  readonly description: string;
}

/** The flags of the set-up, for every command line that offers it. */
export const setupFlags: readonly SetupFlag[] = [
  { name: 'cuda', description: 'set up @tensorflow/tfjs-node-gpu with a CUDA 12 build (3 GB; Linux on x64)' },
  {
    name: 'upstream',
    description: 'use the older library that the package downloads itself (macOS and Windows need this)',
  },
  { name: 'check', description: 'only check whether it works; changes nothing' },
  { name: 'undo', description: 'put the package back as it was before' },
  { name: 'dry-run', description: 'say what would be downloaded, compiled and written; changes nothing' },
];

/** The folder of the project, where it is not the working directory. */
export const projectOption = {
  name: 'project',
  value: '<folder>',
  description: 'the project whose @tensorflow/tfjs-node is set up (default: this folder)',
} as const;

/** What a set-up does, for every help text. */
export const setupDescription =
  'Give @tensorflow/tfjs-node a current TensorFlow and fused kernels: several times faster than wasm.';

/** What it needs and where things go. */
export const setupNotes = `TensorFlow is fetched from the Python Package Index, pinned by its hash (needs python3 with pip). The addon and the fused kernels
come from the optional package @tfjs-peft/native-<platform>, or are compiled (needs g++ and make). Downloads and what was compiled
are kept in TFJS_PEFT_CACHE, by default $XDG_CACHE_HOME/tfjs-peft or ~/.cache/tfjs-peft. A second run finds everything in place.`;
