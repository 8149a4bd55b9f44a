import { foldMethod } from '@tfjs-peft/peft-core';
import { getParameter } from '@tfjs-peft/peft-core/authoring';
import { pointOfSimplex } from '@tfjs-peft/subspace';
import * as tf from '@tensorflow/tfjs';
import { breakLeaves, breakMethod, override, withWrongFold } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose, requireFar } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import { hasSimplex, nameAtVertex, simplexOver } from '../kit/simplex.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const simplexPoints: ConformanceCheck = {
  name: 'simplex-points',
  claim: 'one-hot coefficients are a vertex, equal ones the folded midpoint, which evaluation uses (T2)',
  run: checkPoints,
  controls: [
    {
      breaks: 'folds to something else than it evaluates',
      apply: (subject) => breakMethod(subject, withWrongFold),
      fails: /midpoint/,
    },
    {
      breaks: 'acts only the first time that it is asked',
      apply: (subject) => {
        let passes = 0;
        return breakLeaves(subject, (method) =>
          override(method, {
            intervene(effective, context) {
              passes++;
              const kept = passes > 1 ? new Map([...effective].map(([name, t]) => [name, tf.zerosLike(t)])) : effective;
              return method.intervene(kept, context);
            },
          }),
        );
      },
      fails: /vertex|midpoint|logits/,
    },
  ],
};

async function checkPoints(subject: Subject): Promise<CheckOutcome> {
  const { host, tolerances } = subject;
  const inner = withHead(subject);
  const simplex = simplexOver(subject, { vertices: 2 }, inner);
  if (!simplex) return hasSimplex;
  const { effective } = afterTraining(subject, simplex);
  const at = (coefficients: readonly number[]) =>
    logitsOf(subject, { method: inner, effective: pointOfSimplex(simplex, effective, coefficients) });
  const { effective: specs, buffers = [] } = inner.plan(host.spec);
  const vertex = (index: number) =>
    new Map(
      [...specs, ...buffers].map(({ name }) => [
        name,
        effective.get(nameAtVertex(name, index)) ?? getParameter(effective, name),
      ]),
    );
  const [first, second] = [at([1, 0]), at([0, 1])];
  await requireClose(
    first,
    logitsOf(subject, { method: inner, effective: vertex(0) }),
    tolerances.simplex,
    'coefficients 1, 0 and vertex 0',
  );
  await requireClose(
    second,
    logitsOf(subject, { method: inner, effective: vertex(1) }),
    tolerances.simplex,
    'coefficients 0, 1 and vertex 1',
  );
  await requireFar(second, first, tolerances.effect, 'the vertices have the same logits');
  const midpoint = at([0.5, 0.5]);
  const folded = logitsOf(subject, foldMethod(simplex, effective));
  await requireClose(folded, midpoint, tolerances.simplex, 'the folded midpoint and coefficients 1/2, 1/2');
  const evaluated = logitsOf(subject, { method: simplex, effective });
  await requireClose(evaluated, midpoint, tolerances.simplex, 'evaluation of the simplex and its midpoint');
}
