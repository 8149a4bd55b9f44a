import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { bitfit, bitfitDefinition, layerNormTuning, layerNormTuningDefinition } from '../src/index.js';

useTestBackend();

const claims = { identityAtStart: true, mergeable: true };
const families = {
  hosts: [tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })],
  only: ['names-and-sites', 'identity-at-start', 'method-acts', 'batch-axis', 'save-and-load', 'hf-files', 'merge'],
};
const keyBias = [
  {
    parameters: /\.(attention\.self\.key|attention\.k_lin)\.bias$/,
    reason: 'it adds one number to all scores of a query, which softmax ignores',
  },
];

const ofBiases = { ...claims, definitions: [bitfitDefinition], untouched: keyBias };
describePeftMethod('bitfit()', () => bitfit(), { ...ofBiases, wider: () => bitfit({ biases: 'all' }) });
describePeftMethod('bitfit() on other families', () => bitfit(), { ...ofBiases, ...families });

const ofNorms = { ...claims, definitions: [layerNormTuningDefinition] };
describePeftMethod('layerNormTuning()', () => layerNormTuning(), ofNorms);
describePeftMethod('layerNormTuning() on other families', () => layerNormTuning(), { ...ofNorms, ...families });
