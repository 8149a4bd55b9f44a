// Trains a prefix for some steps on a random host of MiniLM's shape with the native backend; prints which kernels ran, the losses, and what a step
// costs in processor time of this process (all threads), which other programs on the machine change little.
import { selectBackend } from '@tfjs-peft/backend';
import { compose, head } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { crossEntropy, labelledTexts, parseTrainConfig, train } from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';

const steps = Number(process.argv[2] ?? 12);
const warmup = Math.ceil(steps / 4);
const report = await selectBackend({ backend: 'tensorflow' });
const sizes = { hiddenSize: 384, numHiddenLayers: 6, numAttentionHeads: 12, intermediateSize: 1536, vocabSize: 500 };
const host = await createRandomHost(sizes, 1);
const method = compose(prefix({ prefixLength: 16, reparametrisation: 'none' }), head({ labels: ['no', 'yes'] }));
const examples = Array.from({ length: 16 }, (_, row) => ({
  text: {
    inputIds: [2, ...Array.from({ length: 30 }, (_, token) => 5 + ((row * 31 + token * 7) % 490)), 3],
    tokenTypeIds: Array(32).fill(0),
  },
  label: row % 2,
}));
const objective = crossEntropy();
const times = [];
let last = process.cpuUsage();
const { history } = await train({
  host,
  method,
  source: labelledTexts(examples, objective),
  objective,
  config: parseTrainConfig({ steps, batchSize: 16 }),
  seed: 1,
  onEvent({ type }) {
    if (type !== 'step') return;
    const now = process.cpuUsage();
    times.push((now.user + now.system - last.user - last.system) / 1000);
    last = now;
  },
});
const kept = times.slice(warmup).toSorted((a, b) => a - b);
const losses = history.filter(({ split }) => split === 'train').map(({ loss }) => loss);
console.log(
  JSON.stringify({
    engine: report.engine,
    fusedKernels: report.fusedKernels,
    cpuMilliseconds: kept[Math.floor(kept.length / 2)],
    losses,
  }),
);
