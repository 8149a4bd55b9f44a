import type { EffectiveSpec } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { breakEffective } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose, requireFar } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { batchOf, takeRow } from '../kit/texts.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const batchAxis: ConformanceCheck = {
  name: 'batch-axis',
  claim: 'a batch with parameters of its own for each example equals runs of the single examples',
  run: checkBatchAxis,
  controls: [
    {
      breaks: 'gives every example the parameters of the first',
      apply: (subject) =>
        ofKind(subject).length === 0
          ? null
          : breakEffective(subject, (tensor, spec) =>
              tensor.rank > spec.shape.length && spec.perExample === 'axis'
                ? tf.tile(tensor.slice([0], [1]), [tensor.shape[0]!, ...spec.shape.map(() => 1)])
                : tensor,
            ),
      fails: /example/,
    },
  ],
};

async function checkBatchAxis(subject: Subject): Promise<CheckOutcome> {
  const method = withHead(subject);
  const own = new Set(ofKind(subject).map(({ name }) => name));
  if (own.size === 0) return 'not applicable: no parameter may carry a batch axis';
  const rows = [0, 1, 2];
  const variants = rows.map((row) => afterTraining(subject, method, row).effective);
  const [first] = variants;
  const stacked = [...first!].map(([name, tensor]) => {
    if (!own.has(name)) return [name, tensor] as const;
    return [name, tf.stack(variants.map((variant) => variant.get(name)!))] as const;
  });
  const inputs = batchOf(subject.host.spec);
  const together = logitsOf(subject, { method, effective: new Map(stacked) }, { inputs });
  for (const row of rows) {
    const effective = new Map(
      [...first!].map(([name, tensor]) => [name, own.has(name) ? variants[row]!.get(name)! : tensor]),
    );
    const alone = logitsOf(subject, { method, effective }, { inputs: takeRow(inputs, row) });
    await requireClose(
      together.slice([row, 0], [1, -1]),
      alone,
      subject.tolerances.perExample,
      `example ${row} of a batch with parameters of its own for each`,
    );
    if (row > 0)
      await requireFar(
        together.slice([row, 0], [1, -1]),
        logitsOf(subject, { method, effective: first! }).slice([row, 0], [1, -1]),
        subject.tolerances.effect,
        `example ${row} has the logits of the first example's parameters`,
      );
  }
}

/** The method's own parameters, not those of a head that the kit adds. */
const ofKind = (subject: Subject): EffectiveSpec[] =>
  subject
    .make()
    .plan(subject.host.spec)
    .effective.filter(({ perExample }) => perExample === 'axis');
