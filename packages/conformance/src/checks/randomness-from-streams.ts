import { evaluationContext } from '@tfjs-peft/peft-core';
import { breakInterventions, breakMethod, mapEffects, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { distance, requireFar, requireSameBits } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const randomnessFromStreams: ConformanceCheck = {
  name: 'randomness-from-streams',
  claim: 'a training or sampling pass repeats with its streams, and only with them',
  run: checkStreams,
  controls: [
    {
      breaks: 'calls Math.random in training',
      apply: (subject) => inTraining(subject, () => 1 + 0.5 * Math.random()),
      fails: /a second time/,
    },
    {
      breaks: 'drops out the same values in every step',
      apply: (subject) => withFixedStreams(inTraining(subject, () => 1.5)),
      fails: /other streams/,
    },
  ],
};

async function checkStreams(subject: Subject): Promise<void> {
  const trained = afterTraining(subject, withHead(subject));
  const evaluated = logitsOf(subject, trained);
  for (const mode of ['train', 'sample'] as const) {
    const first = logitsOf(subject, trained, { mode });
    await requireSameBits(logitsOf(subject, trained, { mode }), first, `a ${mode} pass a second time`);
    if ((await distance(first, evaluated)) <= subject.tolerances.effect) continue;
    const other = logitsOf(subject, trained, { mode, draws: 'others', dropout: 'others' });
    await requireFar(other, first, 0, `a ${mode} pass is unlike evaluation, yet the same with other streams`);
  }
}

const inTraining = (subject: Subject, factor: () => number): Subject =>
  breakInterventions(subject, (items, { mode }) =>
    mode === 'train' ? mapEffects(items, (tensor) => tensor.mul(factor())) : items,
  );

/** Some dropout is the method's, some the host's on behalf of the method. */
function withFixedStreams(subject: Subject): Subject {
  const { host } = subject;
  const { streams } = evaluationContext(host.spec, 1);
  return {
    ...breakMethod(subject, (method) =>
      override(method, {
        intervene: (effective, context) => method.intervene(effective, { ...context, streams }),
      }),
    ),
    host: {
      ...host,
      forward: (inputs, items, context) => host.forward(inputs, items, { ...context, streams }),
    },
  };
}
