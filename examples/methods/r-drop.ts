// R-Drop (Wu et al. 2021, arXiv 2106.14448): an objective of two passes with other dropout, whose predictions should agree.
import { lora } from '@tfjs-peft/lora';
import { compose, head, substream } from '@tfjs-peft/peft-core';
import type { Objective } from '@tfjs-peft/peft-core/authoring';
import { crossEntropy, labelledTexts, parseTrainConfig, train } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { labels, openSetting } from './setting.js';

/** `½ (CE₁ + CE₂)` and the term `agreement`: weight times half of the symmetric Kullback-Leibler divergence, mean over texts. */
export const rDrop = (weight: number): Objective<readonly number[]> => ({
  id: `r_drop(weight=${weight})`,
  loss(pass, batch, context) {
    const run = (number: number) => {
      const dropout = substream(context.streams.dropout, number);
      const { logits } = pass({ ...context, streams: { ...context.streams, dropout } });
      return tf.logSoftmax(logits!);
    };
    const right = tf.oneHot(tf.tensor1d([...batch.targets], 'int32'), labels.length);
    const [first, second] = [run(1), run(2)];
    const loss = first.add(second).mul(right).sum(1).mean().mul<tf.Scalar>(-0.5);
    const divergence = first.exp().sub(second.exp()).mul(first.sub(second)).sum(1).mean();
    return { loss, terms: { agreement: divergence.mul<tf.Scalar>(weight / 2) } };
  },
});

const { host, examples } = await openSetting();
/** How far two passes of the trained model are apart in the last steps. */
const disagreement = async (weight: number) => {
  const { history } = await train({
    host,
    method: compose(lora({ rank: 4, dropout: 0.1 }), head({ labels, dropout: 0.3 })),
    source: labelledTexts(examples, crossEntropy()),
    objective: rDrop(weight),
    config: parseTrainConfig({ steps: 14, batchSize: 8, learningRate: 3e-3, schedule: 'constant' }),
    seed: 13,
  });
  const steps = history.filter(({ split }) => split === 'train').slice(-6);
  console.log(`weight ${weight}: loss ${history[0]!.loss.toFixed(3)} to ${steps.at(-1)!.loss.toFixed(3)}`);
  return steps.reduce((sum, { terms }) => sum + terms!.agreement! / weight / steps.length, 0);
};
const [free, held] = [await disagreement(1e-6), await disagreement(4)];
console.log(`divergence of two passes: ${free.toFixed(4)} when it counts nothing, ${held.toFixed(4)} when it counts`);
if (!(held < free)) throw new Error('the term does not bring the passes together');
