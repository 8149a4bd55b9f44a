// Time and memory of the kernel of all weights: `npm run bench:kernel -- --data FOLDER` with SST-2 below FOLDER (spam subjects without it), `--python
// INTERPRETER` beside torch.func, `--projection M` of random projections.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { parseExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession } from '@tfjs-peft/eval/trial';
import { fullFineTuning } from '@tfjs-peft/full';
import { minilmFiles } from '@tfjs-peft/minilm';
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
    batch: { type: 'string', default: '32' },
    projection: { type: 'string' },
    python: { type: 'string' },
  },
});
const batchSize = Number(values.batch);
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

/** Of all threads of the process, so that other programs on the machine do not count. */
const cpuSeconds = async (work: () => Promise<unknown>) => {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
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
    ...(values.projection && { projection: { dimensions: Number(values.projection), seed: 1 } }),
    onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)),
  });

await kernel(others.slice(0, 4));
console.log(`${host.spec.name}, ${tf.getBackend()}: kernel of all weights of the layers, ${rowCount} rows, one output`);
console.log(`CPU seconds, batches of ${batchSize}${values.projection ? `, projections to ${values.projection}` : ''}`);
const peer = values.python ? withTorch(values.python) : undefined;
console.log(
  `columns  tokens  kernel s  forward and backward s  ratio${peer ? '  torch s  kernel / torch  difference' : ''}`,
);
for (const size of sizes) {
  const columns = others.slice(0, size);
  const plain = await cpuSeconds(() => passes(host, [...rows, ...columns]));
  let norm = 0;
  const whole = await cpuSeconds(async () => (norm = Math.hypot(...(await kernel(columns)).values)));
  const tokens = columns.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const cells = [String(size).padStart(7), String(tokens).padStart(6), whole.toFixed(1).padStart(8)];
  const torch = peer?.get(size);
  const beside = torch && [
    torch.seconds.toFixed(1).padStart(7),
    (whole / torch.seconds).toFixed(2).padStart(14),
    Math.abs(norm / torch.norm - 1)
      .toExponential(0)
      .padStart(10),
  ];
  const ratio = (whole / plain).toFixed(2).padStart(5);
  console.log([...cells, plain.toFixed(1).padStart(22), ratio, ...(beside ?? [])].join('  '));
}
clearInterval(watch);
console.log(`peak memory ${(Math.max(peak, process.resourceUsage().maxRSS * 1024) / 2 ** 20).toFixed(0)} MB`);
session.dispose();

/** The same kernels by torch.func, of the same texts and head: CPU seconds and the norm of the kernel, by size. */
function withTorch(python: string): ReadonlyMap<number, { readonly seconds: number; readonly norm: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'kernel-'));
  try {
    const file = join(folder, 'request.json');
    const { shape, data } = parameters.get('head.classifier.weight')!;
    const width = shape[1]!;
    writeFileSync(
      file,
      JSON.stringify({
        host: minilmFiles().directory,
        threads: cpus().length,
        chunk: 8,
        // One logit minus the other.
        weight: Array.from({ length: width }, (_, i) => data[width + i]! - data[i]!),
        rows: rows.map(({ inputIds }) => inputIds),
        columns: others.slice(0, Math.max(...sizes)).map(({ inputIds }) => inputIds),
        sizes,
      }),
    );
    const worker = fileURLToPath(new URL('../peers/kernel_worker.py', import.meta.url));
    const lines = execFileSync(python, [worker, file], { encoding: 'utf8' }).trim().split('\n');
    return new Map(
      lines.map((line) => {
        const { size, ...rest } = JSON.parse(line) as { size: number; seconds: number; norm: number };
        return [size, rest];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

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
