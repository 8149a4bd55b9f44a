import type { Mutant } from '../mutant.js';

/** Tasks whose answers are texts, and what they are measured by. */
export const textFaults: readonly Mutant[] = [
  {
    fault: 'BLEU does not punish texts that are too short',
    file: 'packages/glue-fewshot/src/bleu.ts',
    find: 'const brevity = length >= referenceLength ? 1 : Math.exp(1 - referenceLength / length);',
    replace: 'const brevity = 1;',
    suites: 'glue-fewshot text-metrics',
  },
  {
    fault: 'ROUGE stems short words too',
    file: 'packages/glue-fewshot/src/rouge.ts',
    find: 'stem && word.length > 3',
    replace: 'stem && word.length > 1',
    suites: 'glue-fewshot text-metrics',
  },
  {
    fault: 'a split of texts does not notice other references',
    file: 'packages/glue-fewshot/src/hash-texts.ts',
    find: 'references ? [texts, label, references] : [texts, label]',
    replace: '[texts, label]',
    suites: 'glue-fewshot text-tasks',
  },
  {
    fault: 'windows of a long text lose the token between them',
    file: 'packages/eval/src/trial/text-examples.ts',
    find: '[ids[start - 1]!]',
    replace: '[ids[start++]!]',
    suites: 'eval text-examples',
  },
  {
    fault: 'a completion does not end',
    file: 'packages/eval/src/trial/text-examples.ts',
    find: 'end === undefined ? wanted : [...wanted, end]',
    replace: 'wanted',
    suites: 'eval text-examples',
  },
];
