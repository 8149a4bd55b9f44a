import type { Mutant } from '../mutant.js';

export const filesFaults: readonly Mutant[] = [
  {
    fault: 'the head is forgotten when an adapter is saved',
    file: 'packages/peft-core/src/files/save-adapter.ts',
    find: 'new Map([...encoded.tensors, ...headTensors])',
    replace: 'new Map([...encoded.tensors])',
    suites: 'peft-core save-adapter',
  },
  {
    fault: 'an adapter for another host is loaded',
    file: 'packages/peft-core/src/files/load-own-folder.ts',
    find: 'if (!options.allowOtherHost) throw mismatch;',
    replace: '',
    suites: 'peft-core load-adapter',
  },
  {
    fault: 'tensors that nothing claims are ignored',
    file: 'packages/peft-core/src/files/check-tensors.ts',
    find: 'if (unexpected.length === 0) return;',
    replace: 'if (unexpected.length >= 0) return;',
    suites: 'peft-core load-adapter',
  },
  {
    fault: 'tensors of a file may overlap',
    file: 'packages/peft-core/src/safetensors/read-header.ts',
    find: 'if (begin !== covered)',
    replace: 'if (begin > covered)',
    suites: 'peft-core open-safetensors',
  },
  {
    fault: 'initial values depend on the order of parameters',
    file: 'packages/peft-core/src/initial-values.ts',
    find: 'substream(seed, stream ?? name)',
    replace: 'substream(seed, String(plan.raw.findIndex((spec) => spec.name === name)))',
    suites: 'peft-core initial-values',
  },
  {
    fault: 'rows of single tokens are read as differences',
    file: 'packages/peft-core/src/files/saved-tokens.ts',
    find: 'data: wholeValues.read(path, floatsOf(stored), base)',
    replace: 'data: floatsOf(stored)',
    suites: 'lora saved-tokens',
  },
];
