import type { Parameters } from '@tfjs-peft/peft-core';
import { noise } from '@tfjs-peft/subspace';
import * as tf from '@tensorflow/tfjs';
import { breakMethod, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireSameBits, sameBits } from '../kit/compare.js';
import { contextOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, trainedWith } from '../kit/trained.js';
import { trainableNamesOf } from '../kit/training-step.js';

export const noiseSparesFrozen: ConformanceCheck = {
  name: 'noise-spares-frozen',
  claim: 'in a training pass with noise, what is not trained is unchanged',
  run: checkFrozen,
  controls: [
    {
      breaks: 'has parameters that nothing trained changes, and plans them as trained',
      apply: (subject) =>
        breakMethod(subject, (method) =>
          override(method, {
            reparametrise(raw, host) {
              const { effective, buffers = [] } = method.plan(host);
              return new Map([
                ...effective.map(({ name, shape }) => [name, tf.ones([...shape])] as const),
                ...buffers.map(({ name }) => [name, raw.get(name)!] as const),
              ]);
            },
          }),
        ),
      fails: /which nothing trained changes/,
    },
  ],
};

/** What is not trained shows itself: it stays the same whatever the trained raw parameters are. */
async function checkFrozen(subject: Subject): Promise<void> {
  const method = subject.make();
  const trainable = new Set(trainableNamesOf(subject, method));
  const { raw, effective } = afterTraining(subject, method);
  const other = afterTraining(subject, method, 'other').raw;
  const moved = new Map([...raw].map(([name, tensor]) => [name, trainable.has(name) ? other.get(name)! : tensor]));
  const { effective: otherwise } = trainedWith(subject, method, moved);
  const disturbed = withNoise(subject, effective);
  for (const [name, tensor] of effective)
    if (sameBits(await tensor.data(), await otherwise.get(name)!.data()))
      await requireSameBits(disturbed.get(name)!, tensor, `noise moves "${name}", which nothing trained changes`);
}

/** What the method is given in a training pass with noise. */
function withNoise(subject: Subject, effective: Parameters): Parameters {
  let given: Parameters = new Map();
  const observed = override(subject.make(), {
    intervene(parameters) {
      given = parameters;
      return [];
    },
  });
  noise(observed, { granularity: 'batch' }).intervene(effective, contextOf(subject, 1, { mode: 'train' }));
  return given;
}
