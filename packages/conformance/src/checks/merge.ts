import { mergeAdapter } from '@tfjs-peft/peft-core';
import { breakInterventions } from '../broken/break-method.js';
import { requireRefusal } from '../kit/adapter-files.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireClose, requireSameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { requireHostUnchanged, snapshotHost } from '../kit/host-snapshot.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { adapterOf, afterTraining, withHead } from '../kit/trained.js';

export const merge: ConformanceCheck = {
  name: 'merge',
  claim: 'merged into the weights it computes the same and leaves the host as it was; otherwise merging is refused',
  run: checkMerge,
  controls: [
    {
      breaks: 'does nothing for a batch of one, which is how merging asks',
      apply: (subject) => breakInterventions(subject, (items, { batchSize }) => (batchSize === 1 ? [] : items)),
      fails: /merged|not refused/,
    },
  ],
};

async function checkMerge(subject: Subject): Promise<void> {
  const { host, options, tolerances } = subject;
  const before = await snapshotHost(host);
  const adapter = adapterOf(subject, afterTraining(subject, withHead(subject)));
  const unmerged = logitsOf(subject, adapter);
  if (!options.mergeable) await requireRefusal(() => mergeAdapter(host, adapter), 'merging', ['NOT_MERGEABLE']);
  const merged = await mergeAdapter(host, adapter, { rest: options.mergeable ? 'refuse' : 'keep' });
  try {
    requireThat(merged.rest !== null, 'the head is lost when merged');
    await requireClose(
      logitsOf({ ...subject, host: merged.host }, merged.rest),
      unmerged,
      tolerances.merge,
      'logits of the merged host',
    );
  } finally {
    merged.host.dispose();
  }
  requireThat(merged.base === host, 'merging gives another base than the host');
  await requireHostUnchanged(host, before, 'merging');
  await requireSameBits(logitsOf(subject, adapter), unmerged, 'logits of the base after merging');
}
