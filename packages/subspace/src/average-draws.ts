import { substream } from '@tfjs-peft/peft-core';
import type { Loss, Objective } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/** The objective as a mean over several points drawn a step; one draw is the objective itself. */
export function averageDraws<Targets>(objective: Objective<Targets>, draws: number): Objective<Targets> {
  if (draws === 1) return objective;
  return {
    id: objective.id,
    loss: (pass, batch, context) =>
      meanLoss(
        Array.from({ length: draws }, (_, draw) => {
          const stream = substream(context.streams.draws, draw);
          return objective.loss(pass, batch, { ...context, streams: { ...context.streams, draws: stream } });
        }),
      ),
  };
}

/** The mean of several losses, term by term. */
function meanLoss(losses: readonly Loss[]): Loss {
  const mean = (values: readonly tf.Scalar[]) => tf.addN([...values]).div<tf.Scalar>(values.length);
  const terms = Object.keys(losses[0]!.terms ?? {}).map((name) => [
    name,
    mean(losses.map((loss) => loss.terms![name]!)),
  ]);
  return {
    loss: mean(losses.map(({ loss }) => loss)),
    ...(terms.length > 0 && { terms: Object.fromEntries(terms) as Record<string, tf.Scalar> }),
  };
}
