// Time and memory of the kernel of all weights: `npm run bench:kernel -- --data FOLDER` with SST-2 below FOLDER (spam subjects without it).
import { parseArgs } from 'node:util';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { parseExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession } from '@tfjs-peft/eval/trial';
import { fullFineTuning } from '@tfjs-peft/full';
import { binaryContrast, gradientGram, tensorsOfLayers } from '@tfjs-peft/ntk';
import {
  compose,
  createStream,
  disposeParameters,
  type EncodedText,
  evaluationContext,
  head,
  type Host,
  initialValues,
  padBatch,
  toParameters,
} from '@tfjs-peft/peft-core';
import { lossAndGradients, objectiveOfOutputs } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'auto' },
    data: { type: 'string' },
    rows: { type: 'string', default: '64' },
    columns: { type: 'string', default: '250,500,1000' },
  },
});
const batchSize = 32;
const rowCount = Number(values.rows);
const sizes = values.columns.split(',').map(Number);

await selectBackend({ backend: values.backend as BackendChoice });
const shots = Math.max(...sizes) + rowCount;
const config = parseExperiment({
  version: 1,
  task: values.data ? 'sst2' : 'spam-subjects',
  methods: ['head'],
  data: { shots, protocol: 'none', testCap: 2, ...(values.data && { directory: values.data }) },
  seeds: { data: [13] },
});
const session = await openSession(config, { catalogue: createCatalogue(), backend: {} });
const { host } = session;
const texts = session.encode(session.data.split(13).train);
const [rows, others] = [texts.slice(0, rowCount), texts.slice(rowCount)];
const method = compose(head({ labels: ['a', 'b'], readout: session.readout }));
const parameters = initialValues(method.plan(host.spec), createStream(1));

const seconds = async (work: () => Promise<unknown>) => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
let peak = 0;
const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
const kernel = (columns: readonly EncodedText[]) =>
  gradientGram({
    host,
    method,
    parameters,
    rows,
    columns,
    tensors: tensorsOfLayers(host.spec),
    contrasts: binaryContrast,
    batchSize,
    onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)),
  });

await kernel(others.slice(0, 4));
console.log(`${host.spec.name}, ${tf.getBackend()}: kernel of all weights of the layers, ${rowCount} rows, one output`);
console.log('columns  tokens  kernel s  forward and backward s  ratio');
for (const size of sizes) {
  const columns = others.slice(0, size);
  const plain = await seconds(() => passes(host, [...rows, ...columns]));
  const whole = await seconds(() => kernel(columns));
  const tokens = columns.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const cells = [String(size).padStart(7), String(tokens).padStart(6), whole.toFixed(1).padStart(8)];
  console.log([...cells, plain.toFixed(1).padStart(22), (whole / plain).toFixed(2).padStart(5)].join('  '));
}
clearInterval(watch);
console.log(`peak memory ${(Math.max(peak, process.resourceUsage().maxRSS * 1024) / 2 ** 20).toFixed(0)} MB`);
session.dispose();

/** Passes through all layers and back to the embeddings, no gradient of a weight. */
async function passes(on: Host, given: readonly EncodedText[]): Promise<void> {
  const trained = compose(fullFineTuning({ include: 'embeddings.LayerNorm' }), method);
  const plan = trained.plan(on.spec);
  const wrt = plan.raw.flatMap(({ name }) => (name.endsWith('embeddings.LayerNorm.bias') ? [name] : []));
  const raw = toParameters(initialValues(plan, createStream(1)));
  const sorted = [...given].sort((a, b) => b.inputIds.length - a.inputIds.length);
  const objective = objectiveOfOutputs('output', ({ logits }) => logits!.sum() as tf.Scalar);
  for (let from = 0; from < sorted.length; from += batchSize) {
    const part = sorted.slice(from, from + batchSize);
    const gradient = tf.tidy(() => {
      const batch = { inputs: padBatch(part, on.spec.padTokenId), targets: undefined };
      const context = evaluationContext(on.spec, part.length);
      return lossAndGradients({ host: on, method: trained, raw, batch, objective, context, wrt }).gradients.get(
        wrt[0]!,
      )!;
    });
    await gradient.data();
    gradient.dispose();
  }
  disposeParameters(raw);
}
