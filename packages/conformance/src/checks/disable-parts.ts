import { compose, disableParts, leavesOf, type PeftMethod } from '@tfjs-peft/peft-core';
import { isHead, namespaceOf } from '@tfjs-peft/peft-core/authoring';
import { breakMethod, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireSameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { gateMethod } from '../kit/gate-method.js';
import { runInterventions, runPass } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { adapterOf, afterTraining, withHead } from '../kit/trained.js';

export const disablePartsCheck: ConformanceCheck = {
  name: 'disable-parts',
  claim: 'without its parts an adapter is the bare host, and on again it is what it was',
  run: checkDisable,
  controls: [
    {
      breaks: 'ignores that a part was taken out',
      apply: (subject) => breakMethod(subject, stubborn),
      fails: /still there|belongs to a wrapper/,
    },
  ],
};

async function checkDisable(subject: Subject): Promise<void> {
  const adapter = adapterOf(subject, afterTraining(subject, withHead(subject)));
  const own = subject.make().namespaces;
  const before = runPass(subject, adapter);
  for (const part of partsOf(subject.make())) {
    const left = [...disableParts(adapter, [part]).effective.keys()].find((name) => namespaceOf(name) === part);
    requireThat(left === undefined, `"${left}" is still there without the part "${part}"`);
  }
  const disabled = disableParts(adapter, own);
  requireThat(leavesOf(disabled.method).every(isHead), 'parts are still there without all parts of the method');
  await requireSameBits(
    runPass(subject, disabled).lastHiddenState,
    runInterventions(subject, []).lastHiddenState,
    'hidden states without the method and of the bare host',
  );
  const again = runPass(subject, adapter);
  await requireSameBits(again.logits!, before.logits!, 'logits with the parts on again');
}

/** A wrapper may own names of its own beside those of its parts: they go with the last part. */
const partsOf = ({ parts, namespaces }: PeftMethod): readonly string[] => parts?.flatMap(partsOf) ?? namespaces;

/** Beside a second part, so that something is left to be asked. */
function stubborn(method: PeftMethod): PeftMethod {
  const both = compose(method, gateMethod());
  const itself: PeftMethod = override(both, { withParts: () => itself, type: 'STUBBORN' });
  return itself;
}
