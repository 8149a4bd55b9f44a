import { describePeftMethod, tinyDecoder, tinyHost } from '@tfjs-peft/conformance';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tarp, tarpDefinition } from '../src/index.js';

useTestBackend();

const claims = { definitions: [tarpDefinition], identityAtStart: true, mergeable: false };
const sample = ['identity-at-start', 'merge', 'gradients', 'batch-axis', 'padding', 'simplex-points', 'declared-kinds'];
const attention = ['query', 'value'];

// What every backend is to show: the static parts and a scale that each token has its own of.
describePeftMethod('tarp() with a dynamic scale', () => tarp({ rank: 2, dynamicScale: true, targets: ['value'] }), {
  ...claims,
  only: ['identity-at-start', 'merge', 'gradients', 'batch-axis'],
});
describePeftMethod(
  'bilinear tarp()',
  () => tarp({ form: 'bilinear', rank: 2, scale: 'softplus', targets: ['query'] }),
  { ...claims, mergeable: true, only: ['identity-at-start', 'merge', 'gradients'] },
);

describeOnNative('the whole kit', () => {
  describePeftMethod('tarp()', () => tarp({ rank: 2 }), { ...claims, deviation: 0.1 });
  describePeftMethod(
    'tarp() with both scales of the paper',
    () => tarp({ rank: 2, scale: 'softplus', targets: attention }),
    { ...claims, only: sample },
  );
  describePeftMethod('tarp() with a dynamic scale', () => tarp({ rank: 2, dynamicScale: true, targets: attention }), {
    ...claims,
    only: [...sample, 'save-and-load'],
  });
  describePeftMethod(
    'bilinear tarp()',
    () => tarp({ form: 'bilinear', rank: 2, scale: 'softplus', targets: attention }),
    { ...claims, mergeable: true },
  );
  describePeftMethod(
    'Kronecker tarp()',
    () => tarp({ form: 'kronecker', rank: 2, blocks: 2, scale: 'linear', targets: attention }),
    { ...claims, mergeable: true, only: [...sample, 'save-and-load'] },
  );
  describePeftMethod('tarp() on other hosts', () => tarp({ rank: 2 }), {
    ...claims,
    deviation: 0.1,
    hosts: [tinyHost({ modelType: 'distilbert' }), tinyDecoder(), tinyDecoder({ modelType: 'llama' })],
    only: ['identity-at-start', 'method-acts', 'merge', 'padding', 'logits-alone'],
  });
});
