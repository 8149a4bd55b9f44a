// A training question of your own: the focal loss (Lin et al. 2017, arXiv 1708.02002), which cares less about what is already easy.
import { selectBackend } from '@tfjs-peft/backend';
import { spamSubjects, splitRows, splitTask } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, head } from '@tfjs-peft/peft-core';
import { type Objective, objectiveOfOutputs } from '@tfjs-peft/peft-core/authoring';
import { accuracy, crossEntropy, labelledTexts, parseTrainConfig, scoreLogits, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

/** The mean of `−(1 − p)^focus · log p` over the texts of a batch, p the probability of the right class. 0 is cross entropy. */
const focalLoss = (focus: number): Objective<readonly number[]> =>
  objectiveOfOutputs(`focal(focus=${focus})`, ({ logits }, { targets }) => {
    if (!logits) throw new Error('a head is needed');
    const right = tf.oneHot(tf.tensor1d([...targets], 'int32'), logits.shape[1]);
    const logProbability = tf.logSoftmax(logits).mul(right).sum(1);
    const doubt = tf.scalar(1).sub(logProbability.exp()).pow(focus);
    return doubt.mul(logProbability).mean().mul<tf.Scalar>(-1);
  });

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const task = { task: spamSubjects, ...(await spamSubjects.read({})) };
const rows = splitRows(task, splitTask(task, { k: 64, dataSeed: 13, testCap: 100 }));
const examples = (some: typeof rows.train) =>
  some.map(({ texts, label }) => ({ text: tokenizer.encode(texts[0]!, { maxTokens: 16 }), label }));
const learned = examples(rows.train);
const held = examples(rows.tests[0]!.rows);

for (const objective of [focalLoss(0), focalLoss(2)]) {
  const result = await train({
    host,
    method: compose(lora({ rank: 4 }), head({ labels: ['ham', 'spam'] })),
    // The four parts of the question: where batches come from, what is minimised, what judges, and how it is run.
    source: labelledTexts(learned, crossEntropy()),
    objective,
    evaluator: scoreLogits({ examples: held, objective: crossEntropy(), score: accuracy }),
    config: parseTrainConfig({ steps: 20, batchSize: 8, learningRate: 3e-3, validation: { mode: 'midpoint' } }),
    seed: 13,
  });
  const [first, last] = [result.history[0]!, result.history.filter(({ split }) => split === 'train').at(-1)!];
  console.log(
    `${objective.id}: loss ${first.loss.toFixed(3)} to ${last.loss.toFixed(3)}, ` +
      `accuracy on 100 others ${result.best?.headline.toFixed(2)}`,
  );
}
host.dispose();
