// A simplex: two adapters are trained as the corners of a line, and every point between them is an adapter too.
import { selectBackend } from '@tfjs-peft/backend';
import { spamSubjects, splitRows, splitTask } from '@tfjs-peft/glue-fewshot';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, disposeParameters, head, toParameters } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { pointOfSimplex, subspace } from '@tfjs-peft/subspace';
import { accuracy, labelledTask, parseTrainConfig, predictLogits, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const task = { task: spamSubjects, ...(await spamSubjects.read({})) };
const rows = splitRows(task, splitTask(task, { k: 64, dataSeed: 13, testCap: 60 }));
const examples = (some: typeof rows.train) =>
  some.map(({ texts, label }) => ({ text: tokenizer.encode(texts[0]!, { maxTokens: 16 }), label }));
const [learned, held] = [examples(rows.train), examples(rows.tests[0]!.rows)];

const point = compose(prefix({ prefixLength: 5, reparametrisation: 'none' }), head({ labels: ['ham', 'spam'] }));
const result = await train({
  host,
  method: subspace(point, { vertices: 2 }),
  ...labelledTask({ train: learned }),
  config: parseTrainConfig({ steps: 20, batchSize: 8, learningRate: 1e-2 }),
  seed: 13,
});

// One method, many points: the parameters of each are a mix of the two corners.
const vertices = toParameters(result.effective);
for (const share of [0, 0.5, 1]) {
  const effective = tf.tidy(() =>
    [...pointOfSimplex(result.method, vertices, [1 - share, share])].map(
      ([name, value]) => [name, value.clone()] as const,
    ),
  );
  const texts = held.map(({ text }) => text);
  const { logits } = await predictLogits({ host, method: point, effective: new Map(effective), texts });
  const score = accuracy(
    logits,
    held.map(({ label }) => label),
  ).headline;
  console.log(`${share} of the way from corner 0 to corner 1: accuracy ${score.toFixed(2)}`);
  disposeParameters(new Map(effective));
}
console.log('what is deployed is the middle: it costs no more than one adapter');
disposeParameters(vertices);
host.dispose();
