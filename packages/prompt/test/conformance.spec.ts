import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { prompt, promptDefinition, pTuning, pTuningDefinition } from '../src/index.js';

useTestBackend();

// Virtual tokens take positions and attention whatever they are: there is no start that changes nothing, and no weight to merge into.
const claims = { definitions: [promptDefinition, pTuningDefinition], identityAtStart: false, mergeable: false };

describePeftMethod('prompt', () => prompt({ length: 3, initialisation: 'random' }), claims);
describePeftMethod('prompt from words', () => prompt({ length: 3, initialisation: 'vocabulary' }), {
  ...claims,
  only: ['method-acts', 'training-step', 'initial-values-by-name', 'simplex-points', 'no-leaks'],
});
describePeftMethod('prompt on other families', () => prompt({ length: 3, initialisation: 'random' }), {
  ...claims,
  hosts: [tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })],
  only: ['method-acts', 'batch-axis', 'padding', 'save-and-load', 'hf-files'],
});
describePeftMethod('pTuning with an MLP', () => pTuning({ length: 3, encoderHiddenSize: 8 }), claims);
describePeftMethod('pTuning with an LSTM', () => pTuning({ length: 3, encoder: 'lstm', encoderHiddenSize: 4 }), {
  ...claims,
  only: ['names-and-sites', 'gradients', 'training-step', 'no-leaks', 'save-and-load', 'simplex-points'],
});
