import { breakInterventions, mapEffects } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireClose } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const logitsAlone: ConformanceCheck = {
  name: 'logits-alone',
  claim: 'a pass of which only logits are read gives those of the whole pass',
  run: checkLogitsAlone,
  controls: [
    {
      breaks: 'acts otherwise where only logits are read',
      apply: (subject) =>
        breakInterventions(subject, (items, { reads }) =>
          reads === 'logits' ? mapEffects(items, (tensor) => tensor.mul(1.5)) : items,
        ),
      fails: /only logits/,
    },
  ],
};

/** The host leaves out what follows the last attention for all tokens but the one that is read, unless something there reads the others. */
async function checkLogitsAlone(subject: Subject): Promise<void> {
  const trained = afterTraining(subject, withHead(subject));
  for (const mode of ['train', 'sample', 'evaluate'] as const)
    await requireClose(
      logitsOf(subject, trained, { mode, reads: 'logits' }),
      logitsOf(subject, trained, { mode }),
      subject.tolerances.padding,
      `a ${mode} pass of which only logits are read, against the whole pass`,
    );
}
