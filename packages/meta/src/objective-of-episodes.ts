import type { HostInputs } from '@tfjs-peft/peft-core';
import type { Objective } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { Episodes } from './episode.js';

/**
 * The mean over the episodes of the query's loss, without any adapting: what multitask learning minimises, and what a method that looks at the data
 * first prepares for. A rule takes its place in training.
 */
export function objectiveOfEpisodes<Targets>(inner: Objective<Targets>): Objective<Episodes<Targets>> {
  return {
    id: `episodes(${inner.id})`,
    loss(pass, { inputs, targets: episodes }, context) {
      let row = 0;
      const losses = episodes.map(({ support, query }) => {
        const [from, count] = [row + support.texts.length, query.texts.length];
        row = from + count;
        const own = rowsOf(inputs, from, count);
        const { loss } = inner.loss(
          (used, options) => pass(used, { ...options, inputs: options?.inputs ?? own }),
          { inputs: own, targets: query.targets },
          { ...context, batchSize: count },
        );
        return loss;
      });
      return { loss: tf.addN(losses).div(losses.length) };
    },
  };
}

/** Where the texts are, which spares a host the padding, is not kept. */
const rowsOf = ({ inputIds, attentionMask, tokenTypeIds }: HostInputs, from: number, count: number): HostInputs => {
  const slice = (tensor: tf.Tensor2D) => tensor.slice([from, 0], [count, -1]);
  return {
    inputIds: slice(inputIds),
    attentionMask: slice(attentionMask),
    ...(tokenTypeIds && { tokenTypeIds: slice(tokenTypeIds) }),
  };
};
