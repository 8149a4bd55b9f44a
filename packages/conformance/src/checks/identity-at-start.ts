import { compose } from '@tfjs-peft/peft-core';
import { breakMethod, override } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose } from '../kit/compare.js';
import { runInterventions, runPass } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { kitHead } from '../kit/kit-head.js';
import { atStart, hasHead } from '../kit/trained.js';

export const identityAtStart: ConformanceCheck = {
  name: 'identity-at-start',
  claim: 'with its initial values the method changes nothing, where it claims so',
  run: checkIdentity,
  controls: [
    {
      breaks: 'starts from random values everywhere',
      apply: (subject) =>
        onlyHead(subject)
          ? null
          : breakMethod(subject, (method) =>
              override(method, {
                plan(host) {
                  const { raw, ...rest } = method.plan(host);
                  const initial = { kind: 'normal', standardDeviation: 0.5 } as const;
                  return { ...rest, raw: raw.map((spec) => ({ ...spec, initial })) };
                },
              }),
            ),
      fails: /differ/,
    },
  ],
};

async function checkIdentity(subject: Subject): Promise<CheckOutcome> {
  if (!subject.options.identityAtStart) return 'not applicable: the method does not claim to start as the bare host';
  const method = subject.make();
  const bare = runInterventions(subject, []);
  const started = runPass(subject, atStart(subject, method));
  const { identity } = subject.tolerances;
  await requireClose(started.lastHiddenState, bare.lastHiddenState, identity, 'hidden states with the initial values');
  if (hasHead(subject, method)) return;
  const alone = runPass(subject, atStart(subject, kitHead()));
  const both = runPass(subject, atStart(subject, compose(method, kitHead())));
  await requireClose(both.logits!, alone.logits!, identity, 'logits with the initial values');
}

/** A head leaves the hidden states as they are whatever its values. */
function onlyHead(subject: Subject): boolean {
  const readouts = new Set(subject.host.spec.sites.flatMap((site) => (site.kind === 'readout' ? [site.path] : [])));
  return subject
    .make()
    .plan(subject.host.spec)
    .effective.every(({ site }) => site !== undefined && readouts.has(site));
}
