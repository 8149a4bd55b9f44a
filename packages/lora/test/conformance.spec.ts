import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';

useTestBackend();

const common = { definitions: [loraDefinition], identityAtStart: true, mergeable: true };
const usual = () => lora({ rank: 3, alpha: 5 });

describePeftMethod('lora', usual, {
  ...common,
  // The query and value maps compute the same to the bit with a zero delta; in a feed-forward network the host has a faster way without one.
  tolerances: { identity: 0 },
  wider: () => lora({ rank: 3, alpha: 5, targets: 'all-linear' }),
});

describePeftMethod('lora on other families', usual, {
  ...common,
  tolerances: { identity: 0 },
  hosts: [tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })],
  only: ['method-acts', 'save-and-load', 'hf-files', 'merge', 'batch-axis'],
});

describePeftMethod(
  'lora with patterns, biases and dropout',
  () =>
    lora({
      targets: ['dense', 'query'],
      exclude: ['pooler.dense'],
      rank: 2,
      rankPattern: { 'intermediate.dense': 4 },
      alphaPattern: { 'layer.0.attention.self.query': 1 },
      rsLora: true,
      loraBias: true,
      bias: 'lora_only',
      dropout: 0.2,
      initialisation: 'gaussian',
      name: 'wide',
    }),
  common,
);

const keyBias = {
  parameters: /attention\.self\.key\.biasDelta/,
  reason: 'a bias of the keys adds the same to all scores of a query, which softmax does not see',
};
const pooler = { parameters: /pooler/, reason: "the host's usual readout may not use the pooler" };

describePeftMethod('lora with all biases', () => lora({ rank: 2, bias: 'all' }), {
  ...common,
  only: ['identity-at-start', 'training-step', 'save-and-load', 'hf-files', 'merge', 'combine', 'simplex-points'],
  untouched: [keyBias, pooler],
});

describePeftMethod('dora', () => lora({ rank: 3, alpha: 6, dora: true, targets: ['query', 'output.dense'] }), {
  ...common,
  notDerivatives: [{ parameters: /\.(down|up)$/, reason: 'the norm of the changed weight counts as a constant' }],
});

describePeftMethod(
  'lora at an embedding table',
  () => lora({ rank: 2, targets: ['word_embeddings', 'value'] }),
  common,
);
