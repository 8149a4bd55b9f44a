import { describePeftMethod } from '@tfjs-peft/conformance';
import { lora, loraDefinition } from '@tfjs-peft/lora';
import { compose } from '@tfjs-peft/peft-core';
import { prefix, prefixDefinition } from '@tfjs-peft/prefix';
import { noise, noiseDefinition } from '@tfjs-peft/subspace';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

describeOnNative('noise', () => {
  describePeftMethod(
    'noise around a prefix and low-rank deltas',
    () => noise(compose(prefix({ prefixLength: 2, mlpHiddenSize: 4 }), lora({ rank: 2 }))),
    {
      definitions: [noiseDefinition, prefixDefinition, loraDefinition],
      identityAtStart: false,
      mergeable: false,
      exceptions: {
        gradients: 'no gradient flows through the length of the noise',
        'simplex-rows': 'the noise of an example depends on its row',
        'simplex-draws': 'noise is drawn beside the points of the simplex',
      },
    },
  );
});
