// Eight texts a class: pairs of texts first pull the classes apart (SetFit, arXiv 2209.11055), then a head is fitted at once.
import { selectBackend } from '@tfjs-peft/backend';
import { spamSubjects, splitRows, splitTask } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, disposeParameters, head, toParameters } from '@tfjs-peft/peft-core';
import {
  accuracy,
  contrastivePairs,
  contrastiveTexts,
  fitHead,
  parseTrainConfig,
  predictLogits,
  train,
} from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const task = { task: spamSubjects, ...(await spamSubjects.read({})) };
const rows = splitRows(task, splitTask(task, { k: 8, protocol: 'per_class', dataSeed: 13, testCap: 100 }));
const examples = (some: typeof rows.train) =>
  some.map(({ texts, label }) => ({ text: tokenizer.encode(texts[0]!, { maxTokens: 16 }), label }));
const [learned, held] = [examples(rows.train), examples(rows.tests[0]!.rows)];

// Stage 1: no head; texts of one class should point the same way.
const method = lora({ rank: 8, alpha: 32 });
const { effective, history } = await train({
  host,
  method,
  source: contrastiveTexts(learned),
  objective: contrastivePairs({ host }),
  config: parseTrainConfig({ steps: 30, batchSize: 4, learningRate: 3e-3 }),
  seed: 13,
});
console.log(`contrastive loss: ${history[0]!.loss.toFixed(3)} to ${history.at(-1)!.loss.toFixed(3)}`);

// Stage 2: logistic regression on the features, without and with the adapter of stage 1.
const classifier = head({ labels: ['ham', 'spam'] });
const [texts, labels] = [learned.map(({ text }) => text), learned.map(({ label }) => label)];
for (const adapter of [undefined, { method, effective: toParameters(effective) }]) {
  const fitted = toParameters(await fitHead({ host, head: classifier, texts, labels, ...(adapter && { adapter }) }));
  const whole = {
    method: adapter ? compose(adapter.method, classifier) : classifier,
    effective: new Map([...(adapter?.effective ?? []), ...fitted]),
  };
  const { logits } = await predictLogits({ host, ...whole, texts: held.map(({ text }) => text) });
  const score = accuracy(
    logits,
    held.map(({ label }) => label),
  );
  console.log(`accuracy on 100 others ${adapter ? 'after' : 'without'} the pairs: ${score.headline.toFixed(2)}`);
  disposeParameters(whole.effective);
}
host.dispose();
