import { type Parameters, readParameters, toParameters } from '@tfjs-peft/peft-core';
import { breakEffective } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireThat } from '../kit/failure.js';
import { hasSimplex, simplexOver } from '../kit/simplex.js';
import type { Subject } from '../kit/subject.js';
import { startValues } from '../kit/trained.js';
import { trainingStep } from '../kit/training-step.js';

/** A factor that is zero at the start, as LoRA's, moves in the first step and lets the other move in the second. */
const steps = 2;

export const simplexStep: ConformanceCheck = {
  name: 'simplex-step',
  claim: 'training a simplex from its initial values, with its penalty, keeps all numbers finite',
  run: checkSteps,
  controls: [
    {
      breaks: 'has no gradient where it starts',
      // The slope of the root at zero is infinite, and infinite minus infinite is no number.
      apply: (subject) => breakEffective(subject, (tensor) => tensor.add(tensor.sub(tensor).abs().sqrt())),
      fails: /not finite/,
    },
  ],
};

async function checkSteps(subject: Subject): Promise<CheckOutcome> {
  const simplex = simplexOver(subject, { vertices: 2, beta: 1 });
  if (!simplex) return hasSimplex;
  let raw: Parameters = toParameters(startValues(subject, simplex));
  for (let step = 0; step < steps; step++) ({ raw } = trainingStep(subject, { method: simplex, raw }));
  for (const [name, { data }] of await readParameters(raw))
    requireThat(data.every(Number.isFinite), `"${name}" is not finite after ${steps} steps from the start`);
}
