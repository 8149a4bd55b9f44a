import { compose, isPeftError, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import { addInterventions, override } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose, requireFar, sameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { kitHead } from '../kit/kit-head.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, hasHead, startValues } from '../kit/trained.js';
import type { OtherMethod } from '../options.js';

export const composition: ConformanceCheck = {
  name: 'composition',
  claim: 'composed with another method, in either order, both act and keep their names and initial values',
  run: checkComposition,
  controls: [
    {
      breaks: 'scales what the other squashes',
      apply: (subject) => ({
        ...atFirstSublayer(subject, (x) => x.mul(1.5)),
        others: subject.others.map(({ name, make }) => ({
          name,
          make: atFirstSublayer({ ...subject, makeUnprepared: make }, (x) => x.tanh()).makeUnprepared,
        })),
      }),
      fails: /order/,
    },
    {
      breaks: 'owns the names of the other',
      apply: (subject) => ({
        ...subject,
        others: subject.others.map((entry) => ({
          ...entry,
          make: () => override(entry.make(), { namespaces: subject.make().namespaces }),
        })),
      }),
      fails: /names/,
    },
  ],
};

async function checkComposition(subject: Subject): Promise<CheckOutcome> {
  if (subject.others.length === 0) return 'not applicable: no other methods were given';
  const composed: boolean[] = [];
  for (const other of subject.others) composed.push(await checkPair(subject, other));
  if (!composed.includes(true)) return 'not applicable: the other methods claim the same sites for themselves';
}

/** False where the two cannot stand together and say so. */
async function checkPair(subject: Subject, { name, make, orderMatters }: OtherMethod): Promise<boolean> {
  const { host, tolerances } = subject;
  const [method, other] = [subject.make(), make()];
  const heads = [method, other].some((part) => hasHead(subject, part)) ? [] : [kitHead()];
  const shared = method.namespaces.find((namespace) => other.namespaces.includes(namespace));
  requireThat(shared === undefined, `the method and ${name} both own the names "${shared}."`);
  const composeAll = (...parts: PeftMethod[]) => compose(...parts, ...heads);
  let plan;
  try {
    plan = composeAll(method, other).plan(host.spec);
  } catch (error) {
    if (isPeftError(error) && error.code === 'SITE_CLAIMED_TWICE') return false;
    throw error;
  }
  const names = plan.raw.map((spec) => spec.name);
  requireThat(new Set(names).size === names.length, `the method and ${name} both own names`);
  const together = startValues(subject, composeAll(method, other));
  for (const [key, { data }] of startValues(subject, method))
    requireThat(sameBits(together.get(key)?.data ?? [], data), `"${key}" starts from other values beside ${name}`);
  const { effective } = afterTraining(subject, composeAll(method, other));
  const [first, second] = [composeAll(method, other), composeAll(other, method)].map((both) =>
    logitsOf(subject, { method: both, effective }),
  );
  if (orderMatters === undefined)
    await requireClose(second!, first!, tolerances.order, `logits in the other order of ${name} and the method`);
  if (heads.length === 0) return true;
  for (const [part, what] of [
    [other, 'the method'],
    [method, name],
  ] as const)
    await requireFar(
      logitsOf(subject, { method: composeAll(part), effective }),
      first!,
      tolerances.effect,
      `${what} has no effect in the composition`,
    );
  return true;
}

const atFirstSublayer = (subject: Subject, apply: (x: tf.Tensor) => tf.Tensor): Subject =>
  addInterventions(subject, ({ host }) => {
    const { path } = sitesOfKind(host, 'sublayer')[0]!;
    return [{ kind: 'sublayerAdapter', path, placement: 'sequential', apply }];
  });
