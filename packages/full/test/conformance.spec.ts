import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { fullDefinition, fullFineTuning } from '../src/index.js';

useTestBackend();

const claims = {
  definitions: [fullDefinition],
  identityAtStart: true,
  mergeable: true,
  untouched: [
    {
      parameters: /\.(attention\.self\.key|attention\.k_lin)\.bias$/,
      reason: 'it adds one number to all scores of a query, which softmax ignores',
    },
    { parameters: /^full\.pooler\./, reason: 'nothing reads the pooler where the readout is another one' },
  ],
};

describePeftMethod('fullFineTuning()', () => fullFineTuning(), claims);
describePeftMethod('fullFineTuning() on other families', () => fullFineTuning(), {
  ...claims,
  hosts: [tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })],
  only: [
    'names-and-sites',
    'identity-at-start',
    'method-acts',
    'batch-axis',
    'output-shares',
    'save-and-load',
    'merge',
  ],
});
