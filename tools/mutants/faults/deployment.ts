import type { Mutant } from '../mutant.js';

export const deploymentFaults: readonly Mutant[] = [
  {
    fault: 'a head on the mean is saved as one on the pooler',
    file: 'packages/transformer/src/save/hf-classifier.ts',
    find: "if (readout !== 'pooler' || hidden) return undefined;",
    replace: 'if (hidden) return undefined;',
    suites: 'eval deploy',
  },
  {
    fault: 'merged weights are stored without their transposition',
    file: 'packages/transformer/src/save/save-host.ts',
    find: "role === 'affineWeight' ? tensor.transpose() : tensor.clone()",
    replace: "role === 'affineWeight' ? tensor.transpose().transpose() : tensor.clone()",
    suites: 'eval deploy',
  },
  {
    fault: 'the columns of a prefix are closed in the graph',
    file: 'packages/onnx/src/graph/write-encoder.ts',
    find: 'integers([0, 0, 0, length, 0, 0, 0, 0]), scalar(0)]',
    replace: 'integers([0, 0, 0, length, 0, 0, 0, 0]), scalar(-1e9)]',
    suites: 'onnx export-onnx',
  },
  {
    fault: 'a graph forgets that prefixes shift positions',
    file: 'packages/onnx/src/graph/write-embeddings.ts',
    find: "if (positions === 'shift') byPlace",
    replace: "if (positions === 'none') byPlace",
    suites: 'onnx export-onnx',
  },
  {
    fault: 'the mean of a graph counts virtual tokens',
    file: 'packages/onnx/src/graph/write-head.ts',
    find: 'integers([virtual]), integers([Number.MAX_SAFE_INTEGER])',
    replace: 'integers([0]), integers([-virtual])',
    suites: 'onnx export-onnx',
  },
  {
    fault: 'weights that an adapter changed in a host of halves are rounded too',
    file: 'packages/onnx/src/numbers.ts',
    find: 'rounds && !keepsAll ? asHalf : asFloat',
    replace: 'rounds ? asHalf : asFloat',
    suites: 'onnx export-onnx',
  },
  {
    fault: 'a declared form is not held against the function',
    file: 'packages/onnx/src/declared-forms.ts',
    find: 'if (value! < 1e-4) continue;',
    replace: 'if (value! < 1e4) continue;',
    suites: 'onnx export-onnx',
  },
  {
    fault: 'a logit that is no number counts as no difference',
    file: 'packages/eval/src/deploy/sample-texts.ts',
    find: 'Number.isNaN(distance) ? Infinity : distance',
    replace: 'Number.isNaN(distance) ? 0 : distance',
    suites: 'eval sample-texts',
  },
];
