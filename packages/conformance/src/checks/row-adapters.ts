import { runRows } from '@tfjs-peft/peft-core';
import { looksAtTheBatch } from '../broken/usual-faults.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireClose, requireFar } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { batchOf } from '../kit/texts.js';
import { kitHead } from '../kit/kit-head.js';
import { adapterOf, afterTraining, atStart, withHead } from '../kit/trained.js';

export const rowAdapters: ConformanceCheck = {
  name: 'row-adapters',
  claim: 'a batch with another adapter for each row equals a run for each adapter',
  run: checkRows,
  controls: [looksAtTheBatch(/row/)],
};

async function checkRows(subject: Subject): Promise<void> {
  const { host, tolerances } = subject;
  const own = ['first', 'second'].map((variant) =>
    adapterOf(subject, afterTraining(subject, withHead(subject), variant)),
  );
  const labelsOfOwn = logitsOf(subject, own[0]!).shape[1];
  const plain = adapterOf(subject, atStart(subject, kitHead()));
  const adapters = logitsOf(subject, plain).shape[1] === labelsOfOwn ? [...own, plain] : own;
  const inputs = batchOf(host.spec);
  const choice = [1, adapters.length - 1, 0];
  const together = runRows(host, adapters, choice, inputs);
  for (const [row, index] of choice.entries()) {
    const alone = logitsOf(subject, adapters[index]!, { inputs }).slice([row, 0], [1, -1]);
    await requireClose(
      together.slice([row, 0], [1, -1]),
      alone,
      tolerances.rows,
      `row ${row} with adapter ${index} in a batch of several adapters`,
    );
  }
  const [first, second] = own.map((adapter) => logitsOf(subject, adapter, { inputs }));
  await requireFar(second!, first!, tolerances.effect, 'rows of two adapters are the same');
}
