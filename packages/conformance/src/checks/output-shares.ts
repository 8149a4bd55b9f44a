import type { EffectiveSpec } from '@tfjs-peft/peft-core/authoring';
import type { Interventions, SparseWeightDelta, WeightDelta } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { breakEffective } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { requireLogits } from '../kit/require-logits.js';
import { contextOf, logitsOf, runInterventions } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const outputShares: ConformanceCheck = {
  name: 'output-shares',
  claim: 'parameters mixed by their outputs act through weight deltas alone, affine in them',
  run: checkShares,
  controls: [
    {
      breaks: 'squares what should be affine',
      apply: (subject) =>
        byOutputs(subject).length === 0
          ? null
          : breakEffective(subject, (tensor, { perExample }) => (perExample === 'outputs' ? tensor.square() : tensor)),
      fails: /shares/,
    },
  ],
};

/** What examples can share out. */
type OutputDelta = WeightDelta | SparseWeightDelta;

/** Of the second of two sets of parameters, for each example. */
const shares = [0.2, 0.9, 0.5];

async function checkShares(subject: Subject): Promise<CheckOutcome> {
  const specs = byOutputs(subject);
  if (specs.length === 0) return 'not applicable: no parameter is mixed by its outputs';
  const method = withHead(subject);
  const [a, b] = ['a', 'b'].map((variant) => afterTraining(subject, method, variant).effective);
  const sites = new Set(specs.map(({ site }) => site));
  const isMixed = (item: Interventions[number]): item is OutputDelta =>
    (item.kind === 'weightDelta' || item.kind === 'sparseWeightDelta') && sites.has(item.path);
  // Both sets agree in all other parameters.
  const second = new Map(
    [...a!].map(([name, tensor]) => [name, specs.some((spec) => spec.name === name) ? b!.get(name)! : tensor]),
  );
  const context = contextOf(subject, shares.length);
  const [itemsA, itemsB] = [method.intervene(a!, context), method.intervene(second, context)];
  for (const { name, site } of specs)
    requireThat(
      itemsA.some((item) => isMixed(item) && item.path === site),
      `"${name}" is mixed by its outputs, but there is no delta of a weight at its site "${site}"`,
    );
  const weighted = (items: Interventions, values: readonly number[]): OutputDelta[] =>
    items.filter(isMixed).map((item) => ({ ...item, shares: tf.tensor1d([...values]) }));
  const together = requireLogits(
    runInterventions(subject, [
      ...itemsA.filter((item) => !isMixed(item)),
      ...weighted(
        itemsA,
        shares.map((share) => 1 - share),
      ),
      ...weighted(itemsB, shares),
    ]),
  );
  for (const [row, share] of shares.entries()) {
    const mixed = new Map(
      [...a!].map(([name, tensor]) => {
        const other = second.get(name)!;
        return [name, other === tensor ? tensor : tensor.mul(1 - share).add(other.mul(share))];
      }),
    );
    const alone = logitsOf(subject, { method, effective: mixed });
    await requireClose(
      together.slice([row, 0], [1, -1]),
      alone.slice([row, 0], [1, -1]),
      subject.tolerances.perExample,
      `example ${row} with outputs in shares ${1 - share} and ${share} against mixed parameters`,
    );
  }
}

const byOutputs = (subject: Subject): EffectiveSpec[] =>
  subject
    .make()
    .plan(subject.host.spec)
    .effective.filter(({ perExample }) => perExample === 'outputs');
