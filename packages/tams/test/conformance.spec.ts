import { describePeftMethod, tinyDecoder, tinyHost } from '@tfjs-peft/conformance';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tams, tamsDefinition } from '../src/index.js';

useTestBackend();

const claims = {
  definitions: [tamsDefinition],
  identityAtStart: true,
  mergeable: false,
  tolerances: { identity: 0 },
  // Chosen by a controller: what is not chosen gets no gradient, and the choice has one that is no derivative.
  untouched: [{ parameters: /\.edge\d+\./, reason: 'an operation that is not chosen has no part in the loss' }],
  notDerivatives: [{ parameters: /controller/, reason: 'the choice is one-hot; its gradient is that of the soft one' }],
};
const small = { width: 3, nodes: 2, controllerSize: 5 } as const;
const chosen = ['conv3', 'linear', 'glu', 'identity', 'conv5'] as const;
const frozen = () => tams({ ...small, architecture: [...chosen] });

const neighbours = { 'logits-alone': 'convolutions read other tokens in the last layer: nothing is left out there' };
// At the kit's usual seed a stem of so narrow a cell lies at the kink of its ReLU.
const ofFrozen = { ...claims, notDerivatives: [], untouched: [], seed: 1, exceptions: neighbours };

describePeftMethod('tams() with an architecture', frozen, {
  ...ofFrozen,
  only: ['identity-at-start', 'gradients', 'padding', 'save-and-load'],
});
describeOnNative('the whole kit', () => {
  describePeftMethod('tams() with an architecture', frozen, ofFrozen);
  describePeftMethod('tams() that searches', () => tams(small), {
    ...claims,
    exceptions: {
      ...neighbours,
      'simplex-draws': 'a controller is seen through its choice alone, which a small move leaves as it is',
    },
  });
  describePeftMethod('tams() with Gumbel noise', () => tams({ ...small, gumbelTemperature: 0.5 }), {
    ...claims,
    only: ['randomness-from-streams', 'evaluation-repeats', 'training-step', 'no-leaks'],
  });
  describePeftMethod('tams() on other hosts', () => tams({ ...small, nodes: 1 }), {
    ...claims,
    hosts: [tinyHost({ modelType: 'distilbert' }), tinyDecoder(), tinyDecoder({ modelType: 'llama' })],
    only: ['identity-at-start', 'method-acts', 'padding', 'prepare', 'save-and-load'],
  });
});
