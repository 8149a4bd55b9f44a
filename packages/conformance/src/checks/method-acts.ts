import { compose } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { breakEffective } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireFar } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { kitHead } from '../kit/kit-head.js';
import { afterTraining, atStart, hasHead } from '../kit/trained.js';

export const methodActs: ConformanceCheck = {
  name: 'method-acts',
  claim: 'other parameters give other logits: the method acts at all',
  run: checkActs,
  controls: [
    {
      breaks: 'ignores its parameters',
      apply: (subject) => breakEffective(subject, (tensor) => tf.zerosLike(tensor)),
      fails: /change no logits/,
    },
  ],
};

async function checkActs(subject: Subject): Promise<void> {
  const method = subject.make();
  const [start, learned] = [atStart(subject, method), afterTraining(subject, method)].map((trained) => {
    if (hasHead(subject, method)) return logitsOf(subject, trained);
    const head = atStart(subject, kitHead());
    return logitsOf(subject, {
      method: compose(method, head.method),
      effective: new Map([...trained.effective, ...head.effective]),
    });
  });
  await requireFar(learned!, start!, subject.tolerances.effect, 'random parameters change no logits');
}
