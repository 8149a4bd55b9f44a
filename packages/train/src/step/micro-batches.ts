import { type Context, PeftError, substream } from '@tfjs-peft/peft-core';
import { type LossAndGradients, lossAndGradients, type Objective } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { toBatch } from '../batches/batch-source.js';
import type { UpdateRequest, UpdateRule } from './update-rule.js';

/**
 * A rule that runs each batch in parts of at most `size` texts and adds their gradients up, so that a step needs the memory of one part. Loss and
 * gradients are those of the whole batch, but for dropout and draws, which each part has of its own.
 * Errors: `OPTION_INVALID`, in a step also for an objective that compares the texts of a batch with one another.
 *
 * @param size texts a pass, from 1
 */
export function microBatches<Target>(size: number): UpdateRule<readonly Target[]> {
  if (!(Number.isInteger(size) && size >= 1))
    throw new PeftError('OPTION_INVALID', {
      found: `micro-batches of ${size} texts`,
      expected: 'a whole number from 1',
    });
  return {
    id: `micro_batches(size=${size})`,
    lossAndGradients(request) {
      const { texts, targets } = request.texts;
      const parts = Array.from({ length: Math.ceil(texts.length / size) }, (_, part) => {
        const start = part * size;
        const own = { texts: texts.slice(start, start + size), targets: targets.slice(start, start + size) };
        return { start, own, weight: weightIn(request.objective, own.targets) };
      });
      const whole = parts.reduce((sum, { weight }) => sum + weight, 0);
      // Where nothing counts, one part says so as the whole batch would.
      const counted = whole > 0 ? parts.filter(({ weight }) => weight > 0) : parts.slice(0, 1);
      return counted
        .map(
          ({ start, own, weight }) =>
            () =>
              ofPart({ ...request, texts: own }, `part.${start}`, whole > 0 ? weight / whole : 1),
        )
        .reduce<LossAndGradients | undefined>((sum, next) => (sum ? added(sum, next()) : next()), undefined)!;
    },
  };
}

/** Errors: `OPTION_INVALID`. */
function weightIn<Target>(objective: Objective<readonly Target[]>, targets: readonly Target[]): number {
  const weight = objective.weightOf ? objective.weightOf(targets) : targets.length;
  if (weight !== null) return weight;
  throw new PeftError('OPTION_INVALID', {
    found: `micro-batches under ${objective.id}, which compares the texts of a batch with one another`,
    expected: 'an objective whose loss is a mean over texts or tokens',
    fix: 'set a smaller batchSize, or cut texts earlier',
  });
}

/** Loss and gradients of some texts, times their share of the batch. What the pass needed is freed before the next one. */
function ofPart<Target>(
  { host, texts, streams, ...request }: UpdateRequest<readonly Target[]>,
  name: string,
  share: number,
): LossAndGradients {
  const own = { dropout: substream(streams.dropout, name), draws: substream(streams.draws, name) };
  return kept(() => {
    const batch = toBatch(host, texts);
    const context: Context = { mode: 'train', host: host.spec, batchSize: texts.texts.length, streams: own };
    return mapped(lossAndGradients({ host, batch, context, ...request }), (value) => value.mul(share));
  });
}

const added = (a: LossAndGradients, b: LossAndGradients): LossAndGradients => {
  const sum = kept(() => ({
    loss: a.loss.add<tf.Scalar>(b.loss),
    terms: Object.fromEntries(
      Object.entries(a.terms).map(([name, term]) => [name, term.add<tf.Scalar>(b.terms[name]!)]),
    ),
    gradients: new Map(
      [...new Set([...a.gradients.keys(), ...b.gradients.keys()])].map((name) => {
        const [one, other] = [a.gradients.get(name), b.gradients.get(name)];
        return [name, one && other ? one.add(other) : (one ?? other)!.clone()] as const;
      }),
    ),
  }));
  tf.dispose([...tensorsOf(a), ...tensorsOf(b)]);
  return sum;
};

function mapped(
  { loss, terms, gradients }: LossAndGradients,
  change: (value: tf.Tensor) => tf.Tensor,
): LossAndGradients {
  return {
    loss: change(loss) as tf.Scalar,
    terms: Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, change(term) as tf.Scalar])),
    gradients: new Map([...gradients].map(([name, gradient]) => [name, change(gradient)])),
  };
}

const tensorsOf = ({ loss, terms, gradients }: LossAndGradients): tf.Tensor[] => [
  loss,
  ...Object.values(terms),
  ...gradients.values(),
];

/** A `tf.tidy` that gives more than a list of tensors. */
function kept(make: () => LossAndGradients): LossAndGradients {
  let made: LossAndGradients | undefined;
  tf.tidy(() => {
    made = make();
    return tensorsOf(made);
  });
  return made!;
}
