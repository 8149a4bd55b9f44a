import * as tf from '@tensorflow/tfjs';
import { breakEffective } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireFar } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import { hasSimplex, nameAtVertex, simplexOver } from '../kit/simplex.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const simplexDraws: ConformanceCheck = {
  name: 'simplex-draws',
  claim: 'draws from a simplex reach every parameter (T4)',
  run: checkDraws,
  controls: [
    {
      breaks: 'does not use one of its parameters',
      apply: (subject) => {
        const used = effectiveNames(subject).filter((name) => !isUntouched(subject, name));
        return breakEffective(subject, (tensor, { name }) => (name === used[0] ? tf.zerosLike(tensor) : tensor));
      },
      fails: /do not reach/,
    },
  ],
};

async function checkDraws(subject: Subject): Promise<CheckOutcome> {
  const inner = withHead(subject);
  const simplex = simplexOver(subject, { vertices: 2 }, inner);
  if (!simplex) return hasSimplex;
  const { effective } = afterTraining(subject, simplex);
  for (const name of effectiveNames(subject)) {
    if (isUntouched(subject, name)) continue;
    // Vertices that differ in this parameter alone.
    const alike = new Map(
      [...effective].map(([key, tensor]) => {
        const [, plain] = /^[^.]+\.vertex\.1\.(.*)$/.exec(key) ?? [];
        if (plain === undefined || key === nameAtVertex(name, 1)) return [key, tensor] as const;
        return [key, effective.get(key.replace('.vertex.1.', '.vertex.0.'))!] as const;
      }),
    );
    const [first, second] = ['one', 'two'].map((draws) =>
      logitsOf(subject, { method: simplex, effective: alike }, { mode: 'sample', draws }),
    );
    // Mixing equal vertices rounds: an effect is far above that.
    await requireFar(second!, first!, 0.01 * subject.tolerances.effect, `draws do not reach "${name}"`);
  }
}

const effectiveNames = (subject: Subject): string[] =>
  subject
    .make()
    .plan(subject.host.spec)
    .effective.map(({ name }) => name);

const isUntouched = ({ options }: Subject, name: string): boolean =>
  Boolean(options.untouched?.some(({ parameters }) => parameters.test(name)));
