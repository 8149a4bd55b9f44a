import type { Mutant } from '../mutant.js';

/** Decoders, the next token, generation. */
export const decoderFaults: readonly Mutant[] = [
  {
    fault: 'tokens see what comes after them',
    file: 'packages/transformer/src/decoder/visible-tokens.ts',
    find: 'const seen = causal.expandDims(0).mul(open) as tf.Tensor3D;',
    replace: 'const seen = causal.onesLike().expandDims(0).mul(open) as tf.Tensor3D;',
    suites: 'transformer decoder-parity',
  },
  {
    fault: 'documents of one row see one another',
    file: 'packages/transformer/src/decoder/visible-tokens.ts',
    find: 'return documentIds ? seen.mul(sameDocument(documentIds, virtual)) : seen;',
    replace: 'return seen;',
    suites: 'transformer decoder-parity',
  },
  {
    fault: 'what is remembered of a text is not attended to',
    file: 'packages/transformer/src/decoder/causal-attention.ts',
    find: '(past ? tf.concat([past.values, newValues], 2) : newValues)',
    replace: '(past ? tf.concat([tf.zerosLike(past.values), newValues], 2) : newValues)',
    suites: 'transformer decoder-parity',
  },
  {
    fault: 'keys are not rotated',
    file: 'packages/transformer/src/decoder/causal-attention.ts',
    find: 'return angles && index < 2 ?',
    replace: 'return angles && index < 1 ?',
    suites: 'transformer decoder-parity',
  },
  {
    fault: 'the activation of a gated network is put on the other map',
    file: 'packages/transformer/src/decoder/run-layer.ts',
    find: '? activateGate(hiddenActivation, applyLinear(x, feedForwardGate.path, pass), expanded)',
    replace: '? activateGate(hiddenActivation, expanded, applyLinear(x, feedForwardGate.path, pass))',
    suites: 'transformer decoder-parity',
  },
  {
    fault: 'a changed table scores the next token as it was',
    file: 'packages/transformer/src/decoder/output-table.ts',
    find: "for (const { delta, shares } of at('weightDelta', path)) table = table.add(shares ? refuse(path) : delta);",
    replace: "at('weightDelta', path);",
    suites: 'train next-token',
  },
  {
    fault: 'label smoothing is left out of the gradient',
    file: 'packages/train/src/objectives/vocabulary-loss.ts',
    find: 'expected.sub(wanted).mul(column)',
    replace: 'expected.sub(rows).mul(column)',
    suites: 'train next-token',
  },
  {
    fault: 'the first token of a packed document is learned from the document before',
    file: 'packages/train/src/batches/language-texts.ts',
    find: '(token === 0 ? 0 : weight)',
    replace: 'weight',
    suites: 'train next-token',
  },
  {
    fault: 'beams are judged without their length',
    file: 'packages/transformer/src/generate/beam-search.ts',
    find: 'score: score / length ** lengthPenalty }',
    replace: 'score }',
    suites: 'transformer generate',
  },
  {
    fault: 'a method that sees whole texts is run piece by piece',
    file: 'packages/transformer/src/decoder/continuable.ts',
    find: '? item.perToken === true',
    replace: '? true',
    suites: 'transformer decoder-parity continuable',
  },
  {
    fault: 'gates may see the tokens that are to be predicted',
    file: 'packages/transformer/src/decoder/create-host.ts',
    find: '...(ahead && { seesAhead: ahead.kind })',
    replace: '...(ahead && {})',
    suites: 'train next-token',
  },
];
