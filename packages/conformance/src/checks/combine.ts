import { combineAdapters, isPeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { breakLeaves, override } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose, requireFar } from '../kit/compare.js';
import { ConformanceFailure } from '../kit/failure.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { adapterOf, afterTraining, withHead } from '../kit/trained.js';

export const combine: ConformanceCheck = {
  name: 'combine',
  claim: 'two adapters combined with weights 1 and 0 are the first; a method without a combination says so',
  run: checkCombine,
  controls: [
    {
      breaks: 'combines to the last adapter whatever the weights',
      apply: (subject) => breakLeaves(subject, lastOne),
      fails: /weights 1 and 0/,
    },
    {
      breaks: 'fails to combine with an untyped error',
      apply: (subject) =>
        breakLeaves(subject, (method) =>
          override(method, {
            combine() {
              throw new TypeError('undefined is not a function');
            },
          }),
        ),
      fails: /without a PeftError/,
    },
  ],
};

async function checkCombine(subject: Subject): Promise<CheckOutcome> {
  const [first, second] = ['first', 'second'].map((variant) =>
    adapterOf(subject, afterTraining(subject, withHead(subject), variant)),
  );
  const members = [
    { adapter: first!, weight: 1 },
    { adapter: second!, weight: 0 },
  ];
  let combined;
  try {
    combined = await combineAdapters(members, subject.host.spec);
  } catch (error) {
    if (isPeftError(error) && error.code === 'COMBINE_UNSUPPORTED') return `not applicable: ${error.text.found}`;
    if (isPeftError(error)) throw error;
    throw new ConformanceFailure(`combining fails without a PeftError: ${String(error)}`, { cause: error });
  }
  const logits = logitsOf(subject, combined);
  await requireClose(
    logits,
    logitsOf(subject, first!),
    subject.tolerances.combine,
    'weights 1 and 0 against the first',
  );
  await requireFar(logits, logitsOf(subject, second!), subject.tolerances.effect, 'weights 1 and 0 against the second');
}

const lastOne = (method: PeftMethod): PeftMethod =>
  override(method, {
    combine(members) {
      const { method: last, effective } = members.at(-1)!;
      return { method: last, effective };
    },
  });
