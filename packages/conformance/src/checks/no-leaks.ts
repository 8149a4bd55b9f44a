import * as tf from '@tensorflow/tfjs';
import { breakInterventions } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireThat } from '../kit/failure.js';
import type { Subject } from '../kit/subject.js';
import { toFirstStep, trainingStep } from '../kit/training-step.js';

export const noLeaks: ConformanceCheck = {
  name: 'no-leaks',
  claim: 'five training steps leave as many tensors as there were',
  run: checkLeaks,
  controls: [
    {
      breaks: 'keeps a tensor in every pass',
      apply: (subject, leftOver) =>
        breakInterventions(subject, (items) => {
          leftOver(tf.keep(tf.scalar(0)));
          return items;
        }),
      fails: /more tensors/,
    },
  ],
};

async function checkLeaks(subject: Subject): Promise<void> {
  let state = toFirstStep(subject);
  // The first step may fill caches of the host.
  state = trainingStep(subject, state);
  const before = tf.memory().numTensors;
  for (let step = 0; step < 5; step++) {
    state = trainingStep(subject, state);
    const more = tf.memory().numTensors - before;
    requireThat(
      more === 0,
      `${more} more tensors after step ${step + 1}: every tensor of a pass must be returned, or made inside tf.tidy`,
    );
  }
}
