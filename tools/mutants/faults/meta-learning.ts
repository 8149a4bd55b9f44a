import type { Mutant } from '../mutant.js';

const rules = 'packages/meta/src/meta-rules.ts';

/** Faults of meta-learning. */
export const metaLearningFaults: readonly Mutant[] = [
  {
    fault: 'FOMAML takes the gradient at the start, not at the adapted point',
    file: rules,
    find: '    const point = adapted();\n    return gradientsAt(point,',
    replace: '    const point = new Map([...adapted(), ...start]);\n    return gradientsAt(point,',
    suites: 'meta meta',
  },
  {
    fault: 'FOMAML judges by the texts that it adapted to',
    file: rules,
    find: 'return gradientsAt(point, episode.query, [...start.keys()]);',
    replace: 'return gradientsAt(point, episode.support, [...start.keys()]);',
    suites: 'meta meta',
  },
  {
    fault: 'Reptile moves away from the adapted points',
    file: rules,
    find: 'value.sub(point.get(name)!)',
    replace: 'point.get(name)!.sub(value)',
    suites: 'meta meta',
  },
  {
    fault: 'query texts are drawn from the support',
    file: 'packages/meta/src/episode-source.ts',
    find: 'query: at(shots, shots + queries)',
    replace: 'query: at(0, queries)',
    suites: 'meta meta',
  },
  {
    fault: 'the mean over episodes is a sum',
    file: 'packages/meta/src/mean-over.ts',
    find: '?.div(items.length)',
    replace: '?.div(1)',
    suites: 'meta meta',
  },
  {
    fault: 'a run forgets its update rule',
    file: 'packages/train/src/run/run-identity.ts',
    find: '...(run.rule && { rule: run.rule.id }),',
    replace: '',
    suites: 'meta meta',
  },
];
