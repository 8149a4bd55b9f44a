import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { ia3, ia3Definition } from '../src/index.js';

useTestBackend();

const claims = { definitions: [ia3Definition], identityAtStart: true, mergeable: true };

describePeftMethod('ia3()', () => ia3(), {
  ...claims,
  wider: () => ia3({ targets: ['query', 'key', 'value'] }),
});
describePeftMethod('ia3() on other families', () => ia3(), {
  ...claims,
  hosts: [tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })],
  only: ['names-and-sites', 'identity-at-start', 'method-acts', 'batch-axis', 'save-and-load', 'hf-files', 'merge'],
});
