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
  {
    fault: 'the scale of TARP starts at softplus(0), as the authors have it',
    file: 'packages/tarp/src/static-matrices.ts',
    find: 'product.add(softplusOffset)',
    replace: 'product',
    suites: 'tarp invariants',
  },
  {
    fault: 'TARP scales its own shift',
    file: 'packages/tarp/src/tarp.ts',
    find: 'frozen.mul(scaleOf(scale, product()).sub(1))',
    replace: 'frozen.add(1e-2).mul(scaleOf(scale, product()).sub(1))',
    suites: 'tarp invariants',
  },
  {
    fault: 'the matrix of a token in TARP is transposed',
    file: 'packages/tarp/src/dynamic-products.ts',
    find: '.mul(narrow.expandDims(-2)).sum(-1)',
    replace: '.mul(narrow.expandDims(-1)).sum(-2)',
    suites: 'tarp invariants',
  },
  {
    fault: 'blocks of a Kronecker product lie the other way round',
    file: 'packages/tarp/src/static-matrices.ts',
    find: '.transpose([0, 2, 1, 3])',
    replace: '.transpose([2, 0, 3, 1])',
    suites: 'tarp invariants',
  },
  {
    fault: 'a merge forgets what stays of a method beside its weights',
    file: 'packages/peft-core/src/merge-adapter.ts',
    find: '        staying.push(part.afterMerge());\n',
    replace: '',
    suites: 'tarp invariants',
  },
  {
    fault: 'something goes into a weight that a dynamic scale reads',
    file: 'packages/peft-core/src/merge-interventions.ts',
    find: '  requireWeightsNotRead(merging, staying);\n',
    replace: '',
    suites: 'tarp invariants',
  },
];
