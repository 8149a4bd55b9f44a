// What a run saves that keeps activations below all that is trained: `npm run bench:activations` (`-- --steps 100 --backend tensorflow`). Each
// method is trained twice on the embedded host, keeping none and keeping them; processor time of this process, which other programs change little.
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { createTaskRegistry, loadTask, spamSubjects } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, head, type PeftMethod } from '@tfjs-peft/peft-core';
import { subspace } from '@tfjs-peft/subspace';
import { accuracy, labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import { parseOptions } from '../../options/parse-options.js';

const { values } = parseOptions({
  options: {
    backend: { type: 'string', default: 'auto' },
    steps: { type: 'string', default: '100' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write('npm run bench:activations -- [--steps 100] [--backend tensorflow]\n');
  process.exit(0);
}
const steps = Number(values.steps);
const report = await selectBackend({ backend: values.backend as BackendChoice });
const { directory, name, readout } = minilmFiles();
const { host, tokenizer } = await loadHost(directory, { name, readout, dropout: false });
const { train: rows } = await loadTask(createTaskRegistry([spamSubjects]), 'spam-subjects');
const examples = rows
  .slice(0, 200)
  .map((row) => ({ text: tokenizer.encode(row.texts[0]!, { maxTokens: 128 }), label: row.label }));
const task = labelledTask({ train: examples.slice(0, 100), dev: examples.slice(100), score: accuracy });

const last = Math.max(...host.spec.sites.flatMap((site) => ('layer' in site ? [site.layer ?? 0] : [])));
const withHead = (...parts: PeftMethod[]) => compose(...parts, head({ labels: ['ham', 'spam'] }));
const methods: Readonly<Record<string, () => PeftMethod>> = {
  'head alone': () => withHead(),
  'LoRA in the last layer': () => withHead(lora({ layers: [last] })),
  'simplex of it, 2 vertices': () => subspace(withHead(lora({ layers: [last] }))),
  'LoRA in the upper half': () => withHead(lora({ layers: [3, 4, 5] })),
};

async function measure(methodOf: () => PeftMethod, activationMegabytes: number) {
  const start = process.cpuUsage();
  const { history } = await train({
    host,
    method: methodOf(),
    ...task,
    config: parseTrainConfig({ steps, learningRate: 1e-3, patience: null, activationMegabytes }),
    seed: 1,
  });
  const { user, system } = process.cpuUsage(start);
  const losses = history.filter(({ split }) => split === 'train').map(({ loss }) => loss);
  return { seconds: (user + system) / 1e6, losses };
}

process.stdout.write(
  `${report.engine ?? report.backend}, ${steps} steps of 16 of 100 texts, 100 texts evaluated every 25 steps; seconds of processor time\n`,
);
// The first run pays for what a host makes once.
await measure(methods['head alone']!, 0);
for (const [method, methodOf] of Object.entries(methods)) {
  const [none, kept] = [await measure(methodOf, 0), await measure(methodOf, 256)];
  const difference = Math.max(...none.losses.map((loss, step) => Math.abs(loss - kept.losses[step]!)));
  process.stdout.write(
    `${method.padEnd(28)} none kept ${none.seconds.toFixed(1)}, kept ${kept.seconds.toFixed(1)}: ${(kept.seconds / none.seconds).toFixed(2)}; losses differ by ${difference.toExponential(1)} at most\n`,
  );
}
host.dispose();
