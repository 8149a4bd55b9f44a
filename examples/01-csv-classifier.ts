// Your own CSV file, three classes: learn from most rows, score the others, then label new texts.
import { fileURLToPath } from 'node:url';
import { selectBackend } from '@tfjs-peft/backend';
import { createClassifier } from '@tfjs-peft/eval/classifier';
import { taskFromFile } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, disposeParameters, head, toParameters } from '@tfjs-peft/peft-core';
import { accuracy, labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const encode = (text: string) => tokenizer.encode(text, { maxTokens: 32 });

// A CSV, TSV, JSONL or Parquet file. A fifth of its rows is kept for testing.
const file = fileURLToPath(new URL('data/tickets.csv', import.meta.url));
const task = await taskFromFile({ file, textColumn: 'text', labelColumn: 'label' });
if (task.output.kind !== 'classes') throw new Error('expected classes');
const { labels } = task.output;
const { train: rows, tests } = await task.read({});
const examples = (some: typeof rows) => some.map(({ texts, label }) => ({ text: encode(texts[0]!), label }));

// The encoder stays as it is; LoRA and a head learn.
const result = await train({
  host,
  method: compose(lora({ rank: 4 }), head({ labels: [...labels] })),
  ...labelledTask({ train: examples(rows), dev: examples(tests[0]!.rows), score: accuracy }),
  config: parseTrainConfig({ steps: 25, batchSize: 8, learningRate: 3e-3, validation: { mode: 'midpoint' } }),
  seed: 13,
});
console.log(`${rows.length} texts learned, accuracy on ${tests[0]!.rows.length} others: ${result.best?.headline}`);

const texts = ['The download button does nothing', 'I paid, but my receipt is missing', 'Wonderful, thanks a lot'];
const effective = toParameters(result.effective);
const classifier = createClassifier({ host, tokenizer, adapter: { method: result.method, effective }, maxTokens: 32 });
for (const { text, label } of await classifier.predict(texts)) console.log(`${label}: ${text}`);
disposeParameters(effective);
host.dispose();
