import { addInterventions } from '../broken/break-method.js';
import { looksAtTheBatch } from '../broken/usual-faults.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireClose } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { batchOf, textsOf } from '../kit/texts.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const padding: ConformanceCheck = {
  name: 'padding',
  claim: 'an example gives the same alone and beside longer ones',
  run: checkPadding,
  controls: [
    looksAtTheBatch(/alone/),
    {
      breaks: 'averages over padding',
      apply: (subject) => {
        const site = subject.host.spec.sites.find(({ kind }) => kind === 'sublayer')!;
        return addInterventions(subject, () => [
          {
            kind: 'sublayerAdapter',
            path: site.path,
            placement: 'sequential',
            apply: (x) => x.add(x.mean(1, true)),
          },
        ]);
      },
      fails: /alone/,
    },
  ],
};

async function checkPadding(subject: Subject): Promise<void> {
  const { spec } = subject.host;
  const trained = afterTraining(subject, withHead(subject));
  const together = logitsOf(subject, trained);
  for (const [row, text] of textsOf(spec).entries()) {
    const alone = logitsOf(subject, trained, { inputs: batchOf(spec, [text]) });
    await requireClose(
      together.slice([row, 0], [1, -1]),
      alone,
      subject.tolerances.padding,
      `example ${row} beside longer ones against the example alone`,
    );
  }
}
