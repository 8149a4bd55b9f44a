// A composition: a prefix, LoRA and a head are trained as one method, counted apart and switched off apart.
import { selectBackend } from '@tfjs-peft/backend';
import { spamSubjects, splitRows, splitTask } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, countParameters, disableParts, disposeParameters, head, toParameters } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { accuracy, labelledTask, parseTrainConfig, predictLogits, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const task = { task: spamSubjects, ...(await spamSubjects.read({})) };
const rows = splitRows(task, splitTask(task, { k: 64, dataSeed: 13, testCap: 100 }));
const examples = (some: typeof rows.train) =>
  some.map(({ texts, label }) => ({ text: tokenizer.encode(texts[0]!, { maxTokens: 16 }), label }));
const [learned, held] = [examples(rows.train), examples(rows.tests[0]!.rows)];

const method = compose(
  prefix({ prefixLength: 5, reparametrisation: 'none' }),
  lora({ rank: 4, targets: ['query', 'value'] }),
  head({ labels: ['ham', 'spam'] }),
);
// Known before a single number exists.
for (const part of method.parts!) {
  const { trainable } = countParameters(part.plan(host.spec));
  console.log(`${part.type} trains ${trainable} numbers`);
}

const result = await train({
  host,
  method,
  ...labelledTask({ train: learned }),
  config: parseTrainConfig({ steps: 24, batchSize: 16, learningRate: 3e-3 }),
  seed: 13,
});

const whole = { ...result, effective: toParameters(result.effective), hostFingerprint: host.spec.fingerprint };
for (const off of [[], ['prefix'], ['lora']]) {
  const adapter = disableParts(whole, off);
  const { logits } = await predictLogits({ host, ...adapter, texts: held.map(({ text }) => text) });
  const { headline } = accuracy(
    logits,
    held.map(({ label }) => label),
  );
  console.log(`accuracy ${headline.toFixed(2)} ${off.length > 0 ? `without ${off.join(' and ')}` : 'with everything'}`);
}
disposeParameters(whole.effective);
host.dispose();
