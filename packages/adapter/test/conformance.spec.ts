import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { adapter, adapterDefinition } from '../src/adapter.js';
import { doubleSeqBnConfig, parBnConfig, seqBnConfig } from '../src/presets.js';

useTestBackend();

const common = {
  definitions: [adapterDefinition],
  identityAtStart: true,
  mergeable: false,
  tolerances: { identity: 0 },
};

describePeftMethod('sequential', () => adapter(seqBnConfig({ bottleneckSize: 3 })), {
  ...common,
  hosts: [tinyHost({ modelType: 'bert' }), tinyHost({ modelType: 'distilbert' })],
  wider: () => adapter(doubleSeqBnConfig({ bottleneckSize: 3, activation: 'relu' })),
});

describePeftMethod(
  'parallel, at both places of one layer, with dropout and a learned scale',
  () =>
    adapter(
      parBnConfig({
        places: ['attention', 'feedForward'],
        layers: [1],
        bottleneckSize: 3,
        activation: 'gelu',
        scale: 'learned',
        dropout: 0.2,
        name: 'beside',
      }),
    ),
  common,
);

describePeftMethod(
  'initialisation bert',
  () => adapter({ bottleneckSize: 3, scale: 'channel', initialisation: 'bert' }),
  {
    ...common,
    identityAtStart: false,
    only: ['identity-at-start', 'gradients', 'batch-axis', 'simplex-points', 'save-and-load'],
  },
);

describePeftMethod('the defaults', () => adapter(), {
  ...common,
  hosts: [tinyHost({ modelType: 'distilbert', hiddenSize: 64 })],
  only: ['identity-at-start', 'training-step', 'gradients'],
});
