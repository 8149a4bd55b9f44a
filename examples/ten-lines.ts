import { selectBackend } from '@tfjs-peft/backend';
import { compose, head } from '@tfjs-peft/peft-core';
import { minilmFiles } from '@tfjs-peft/minilm';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { accuracy, labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const example = (label: number) => (text: string) => ({
  text: tokenizer.encode(text, { maxTokens: 32 }),
  label,
});
const ham = ["Minutes of Tuesday's meeting", 'Lunch on Friday?', 'Your train ticket', 'Bug in the build'].map(
  example(0),
);
const spam = ['You have won', 'Cheap pills', 'Lose weight now', 'Earn money from home'].map(example(1));
const held = [example(0)('Notes for the Monday call'), example(1)('Win a free prize today')];

const result = await train({
  host,
  method: subspace(compose(prefix({ prefixLength: 10 }), head({ labels: ['ham', 'spam'] }))),
  ...labelledTask({ train: [...ham, ...spam], dev: held, score: accuracy }),
  config: parseTrainConfig({ steps: 20, learningRate: 1e-3 }),
  seed: 13,
});
console.log(`accuracy on held-out texts: ${result.best?.headline}`);
