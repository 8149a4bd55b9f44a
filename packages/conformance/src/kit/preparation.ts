import { compose, type HostSpec, type Stream } from '@tfjs-peft/peft-core';
import { objectiveOfOutputs, type Preparation } from '@tfjs-peft/peft-core/authoring';
import { kitHead } from './kit-head.js';
import { crossEntropy } from './cross-entropy.js';
import { requireLogits } from './require-logits.js';
import { preparationData } from './texts.js';

/** What the kit gives to `prepare`: labelled batches, cross entropy, and its head as the rest of the composition. */
export const preparationFor = (host: HostSpec, stream: Stream, vertex = 0, shared = stream): Preparation => ({
  batches: preparationData(host),
  objective: objectiveOfOutputs('conformance', (outputs) => crossEntropy(requireLogits(outputs))),
  others: compose(kitHead()),
  shared,
  stream,
  vertex,
});
