import { drawsByItself } from '../broken/usual-faults.js';
import { breakInterventions, mapEffects } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireSameBits } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const evaluationRepeats: ConformanceCheck = {
  name: 'evaluation-repeats',
  claim: 'evaluation gives the same bits twice, whatever ran in between',
  run: checkRepeats,
  controls: [
    drawsByItself(/evaluation/),
    {
      breaks: 'remembers that it was trained',
      apply(subject) {
        let trained = false;
        return breakInterventions(subject, (items, { mode }) => {
          trained ||= mode === 'train';
          return trained ? mapEffects(items, (tensor) => tensor.mul(1.5)) : items;
        });
      },
      fails: /after a training pass/,
    },
  ],
};

async function checkRepeats(subject: Subject): Promise<void> {
  const trained = afterTraining(subject, withHead(subject));
  const first = logitsOf(subject, trained);
  await requireSameBits(logitsOf(subject, trained), first, 'a second evaluation');
  logitsOf(subject, trained, { mode: 'train' });
  await requireSameBits(logitsOf(subject, trained), first, 'evaluation after a training pass');
  await requireSameBits(
    logitsOf(subject, trained, { draws: 'others', dropout: 'others' }),
    first,
    'evaluation with other streams',
  );
}
