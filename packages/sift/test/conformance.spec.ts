import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { shira, shiraDefinition, sift, siftDefinition } from '../src/index.js';

useTestBackend();

const claims = { definitions: [siftDefinition, shiraDefinition], identityAtStart: true, mergeable: true };
const families = {
  hosts: [tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })],
  only: ['names-and-sites', 'identity-at-start', 'method-acts', 'save-and-load', 'hf-files', 'merge', 'prepare'],
};

describePeftMethod('sift()', () => sift(), claims);
describePeftMethod('sift() on other families', () => sift(), { ...claims, ...families });
describePeftMethod('sift() of all tensors together', () => sift({ rate: 0.03, scope: 'all', batches: 2 }), claims);
describePeftMethod(
  'sift() of tables, LayerNorms and biases',
  () =>
    sift({ targets: ['embeddings', 'norms', 'embeddingNorm', 'feedForwardIn.bias'], rate: 0.05, selection: 'fisher' }),
  claims,
);
describePeftMethod('shira()', () => shira({ rank: 2 }), claims);
