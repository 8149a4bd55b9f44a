import { compose } from '@tfjs-peft/peft-core';
import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { adapter, lora, prefix, toyDefinitions } from './toy-parts.js';
import { unipelt, unipeltDefinition } from '../src/unipelt.js';

useTestBackend();

const common = {
  definitions: [unipeltDefinition, ...toyDefinitions],
  identityAtStart: false,
  mergeable: false,
};

describePeftMethod('gates of three parts', () => unipelt(compose(prefix(), lora(), adapter())), {
  ...common,
  hosts: [tinyHost({ modelType: 'bert' }), tinyHost({ modelType: 'distilbert' })],
});

describePeftMethod(
  'gates of one part in a composition',
  () => unipelt(compose(adapter({ placement: 'parallel' }), lora()), { gates: ['adapter'], initialBias: 1 }),
  common,
);
