import { drawsByItself } from '../broken/usual-faults.js';
import { breakInterventions, breakMethod, mapEffects, override } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireSameBits, sameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { logitsOf } from '../kit/run-pass.js';
import { hasSimplex, nameAtVertex, simplexOver } from '../kit/simplex.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, startValues, trainedWith, withHead } from '../kit/trained.js';

export const simplexOfOne: ConformanceCheck = {
  name: 'simplex-of-one',
  claim: 'a simplex of one vertex is the method itself, bit for bit, from the same start (T1)',
  run: checkOneVertex,
  controls: [
    drawsByItself(/one vertex/),
    {
      breaks: 'counts its passes',
      apply: (subject) => {
        let passes = 0;
        return breakInterventions(subject, (items) => {
          passes++;
          return mapEffects(items, (tensor) => tensor.mul(1 + 0.1 * passes));
        });
      },
      fails: /one vertex/,
    },
    {
      breaks: 'starts from values that depend on its place in a wrapper',
      apply: (subject) => {
        const plain = subject.make();
        let asked = 0;
        return breakMethod(subject, () =>
          override(plain, {
            plan(host) {
              const { raw, ...rest } = plain.plan(host);
              const initial = { kind: 'normal', standardDeviation: 0.1 * ++asked } as const;
              return { ...rest, raw: raw.map((spec) => ({ ...spec, initial })) };
            },
          }),
        );
      },
      fails: /starts from other values/,
    },
  ],
};

async function checkOneVertex(subject: Subject): Promise<CheckOutcome> {
  const method = withHead(subject);
  const simplex = simplexOver(subject, { vertices: 1, beta: 7 }, method);
  if (!simplex) return hasSimplex;
  const start = startValues(subject, simplex);
  /** What all vertices share keeps its name. */
  const nameIn = (name: string) => (start.has(name) ? name : nameAtVertex(name, 0));
  for (const [name, { data }] of startValues(subject, method))
    requireThat(
      sameBits(start.get(nameIn(name))?.data ?? [], data),
      `"${name}" of a simplex of one vertex starts from other values`,
    );
  const plain = afterTraining(subject, method);
  const raw = new Map([...plain.raw].map(([name, tensor]) => [nameIn(name), tensor]));
  const wrapped = trainedWith(subject, simplex, raw);
  for (const mode of ['train', 'sample', 'evaluate'] as const)
    await requireSameBits(
      logitsOf(subject, wrapped, { mode }),
      logitsOf(subject, plain, { mode }),
      `a simplex of one vertex (${mode})`,
    );
}
