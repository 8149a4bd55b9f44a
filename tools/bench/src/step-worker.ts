// One process a configuration: reads `{"steps": n}` lines and answers with the milliseconds of n training steps, so that a parent can
// interleave several of them. Started by bench.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { selectBackend } from '@tfjs-peft/backend';
import {
  compose,
  createStream,
  disposeParameters,
  evaluationContext,
  head,
  initialValues,
  padBatch,
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { bitfit } from '@tfjs-peft/bitfit';
import { fullFineTuning } from '@tfjs-peft/full';
import { ia3 } from '@tfjs-peft/ia3';
import { completeMethod, createCatalogue, findPreset } from '@tfjs-peft/eval/methods';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { sift } from '@tfjs-peft/sift';
import { labelledTask, parseTrainConfig, prepareMethod, train, withEffective } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { measureMachine, OperationWatch } from './profile-operations.js';
import type { BenchMethod, WorkerAnswer, WorkerCommand, WorkerOptions } from './worker.js';

const options = JSON.parse(process.argv[2]!) as WorkerOptions;
const { backend, method: methodName, batch, dropout, adapterFolder } = options;

await selectBackend({ backend });
const { host } = await loadHost(options.host ?? minilmFiles().directory, {
  dropout: dropout ? undefined : false,
  readout: 'pooler',
});
const flatPrefix = () =>
  prefix({ prefixLength: options.prefixLength, reparametrisation: 'none', positionPolicy: 'shift' });
const mlpPrefix = () => prefix({ prefixLength: options.prefixLength });
const vertices = options.vertices ?? 2;
const withHead = (...parts: readonly PeftMethod[]) =>
  compose(...parts, head({ labels: ['a', 'b'], readout: 'pooler' }));
/** 1 % of the query, key, value and output maps; biases are left out, so that HF peft's format holds it for the peer. */
const sparse = { rate: 0.01, targets: ['query.weight', 'key.weight', 'value.weight', 'attentionOutput.weight'] };
const methods: Record<BenchMethod, () => PeftMethod> = {
  prefix: () => withHead(flatPrefix()),
  'prefix-subspace': () => subspace(withHead(flatPrefix()), { vertices }),
  'mlp-prefix': () => withHead(mlpPrefix()),
  'mlp-prefix-subspace': () => subspace(withHead(mlpPrefix()), { vertices }),
  lora: () => withHead(lora({ rank: 8 })),
  ia3: () => withHead(ia3()),
  composed: () => withHead(flatPrefix(), lora({ rank: 8 }), ia3()),
  bitfit: () => withHead(bitfit()),
  sift: () => withHead(sift(sparse)),
  'sift-subspace': () => subspace(withHead(sift({ ...sparse, initialStandardDeviation: 0.01 })), { vertices: 2 }),
  full: () => withHead(fullFineTuning()),
  // The tensors of `sift` with their dense gradients: what a step costs whose backward pass is not sparse.
  dense: () => withHead(fullFineTuning({ include: '.*(query|key|value|attention\\.output\\.dense)' })),
};
const fromPreset = (name: string): PeftMethod => {
  const catalogue = createCatalogue();
  const { method: description } = findPreset(catalogue, name);
  return catalogue.registry.build(completeMethod(description!, catalogue.registry, ['a', 'b'], 'pooler'));
};
const unprepared = typeof methodName === 'string' ? methods[methodName]() : fromPreset(methodName.preset);
const examples = batch.map(({ inputIds, label }) => ({
  text: { inputIds, tokenTypeIds: inputIds.map(() => 0) },
  label,
}));

const question = labelledTask({ train: examples });
const prepare = () =>
  prepareMethod(unprepared, { host, ...question, batchSize: batch.length, stream: createStream(1) });
// The first time builds what the host keeps.
await prepare();
const start = performance.now();
const method = await prepare();
const preparation = performance.now() - start;

/** The loss of the first parameters without dropout: what a peer must reproduce before it is timed. */
async function firstLoss(): Promise<number> {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const inputs = padBatch(
    examples.map(({ text }) => text),
    host.spec.padTokenId,
  );
  const effective = effectiveParameters(method, raw, host.spec);
  const loss = tf.tidy(() => {
    const context = evaluationContext(host.spec, batch.length);
    const { logits } = host.forward(inputs, method.intervene(effective, context), context);
    const labels = tf.oneHot(
      tf.tensor1d(
        examples.map(({ label }) => label),
        'int32',
      ),
      2,
    );
    return tf.losses.softmaxCrossEntropy(labels, logits!) as tf.Scalar;
  });
  if (adapterFolder) {
    const files = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
    mkdirSync(adapterFolder, { recursive: true });
    for (const [name, bytes] of files) writeFileSync(`${adapterFolder}/${name}`, bytes);
  }
  return (await loss.data())[0]!;
}

async function timeSteps(steps: number, watch?: OperationWatch): Promise<Omit<WorkerAnswer, 'peakMegabytes'>> {
  const milliseconds: number[] = [];
  let cpuBefore = process.cpuUsage();
  await train({
    host,
    method,
    ...question,
    // One step more than asked: the first one of a run builds optimiser state and is left out.
    config: parseTrainConfig({ steps: steps + 1, batchSize: batch.length, learningRate: 1e-3, patience: null }),
    seed: 1,
    onEvent: (event) => {
      if (event.type !== 'step') return;
      watch?.endStep(event.milliseconds);
      if (event.step > 1) milliseconds.push(event.milliseconds);
      else cpuBefore = process.cpuUsage();
    },
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  return { milliseconds, cpuMilliseconds: (user + system) / 1000 / steps };
}

/** Evaluations as runs make them on their development set. */
async function timeEvaluations(evaluations: number, draws: number): Promise<Omit<WorkerAnswer, 'peakMegabytes'>> {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const mode = draws === 0 ? 'midpoint' : 'stochastic';
  const { evaluator } = labelledTask({ train: examples, dev: examples });
  const config = parseTrainConfig({ steps: 1, validation: { mode, draws: Math.max(1, draws), logMidpoint: false } });
  const milliseconds: number[] = [];
  const cpuBefore = process.cpuUsage();
  await withEffective(method, raw, host.spec, async (effective) => {
    for (let round = 0; round < evaluations; round++) {
      const start = performance.now();
      await evaluator!.evaluate({ host, method, effective, raw, config, stream: createStream(round) });
      milliseconds.push(performance.now() - start);
    }
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  disposeParameters(raw);
  return { milliseconds, cpuMilliseconds: (user + system) / 1000 / evaluations };
}

async function profileSteps(steps: number): Promise<Omit<WorkerAnswer, 'peakMegabytes'>> {
  const { gflops, gigabytesPerSecond } = measureMachine();
  const watch = new OperationWatch();
  watch.start();
  const timed = await timeSteps(steps, watch);
  watch.stop();
  return { ...timed, profile: watch.profile(gflops, gigabytesPerSecond) };
}

const answer = (value: object) => console.log(JSON.stringify(value));
answer({ loss: await firstLoss(), preparation });
for await (const line of createInterface({ input: process.stdin })) {
  const { steps, profile } = JSON.parse(line) as WorkerCommand;
  const { draws } = options;
  const timed = draws === undefined ? (profile ? profileSteps : timeSteps)(steps) : timeEvaluations(steps, draws);
  answer({
    ...(await timed),
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  });
}
