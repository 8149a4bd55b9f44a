// One process a configuration: reads `{"steps": n}` lines and answers with the milliseconds of n steps, which are training steps, updates over episodes,
// evaluations or continuations by the options, so that a parent can interleave several of them.
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
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters, lossOfBatch } from '@tfjs-peft/peft-core/authoring';
import { bitfit } from '@tfjs-peft/bitfit';
import { fullFineTuning } from '@tfjs-peft/full';
import { ia3 } from '@tfjs-peft/ia3';
import { completeMethod, createCatalogue, findPreset } from '@tfjs-peft/eval/methods';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { sift } from '@tfjs-peft/sift';
import { tarp } from '@tfjs-peft/tarp';
import { labelledTask, parseTrainConfig, prepareMethod, toBatch, train, withEffective } from '@tfjs-peft/train';
import { isDecoderHost, loadHost, requireDecoder } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { measureMachine, OperationWatch } from './profile-operations.js';
import { timeContinuation } from './time-continuation.js';
import { textOf, updatesOf } from './updates.js';
import type { BenchMethod, WorkerAnswer, WorkerCommand, WorkerOptions } from './worker.js';

const options = JSON.parse(process.argv[2]!) as WorkerOptions;
const { backend, method: methodName, batch, dropout, adapterFolder, draws, newTokens } = options;

await selectBackend({ backend });
const { host } = await loadHost(options.host ?? minilmFiles().directory, { dropout: dropout ? undefined : false });
const isDecoder = isDecoderHost(host);
const flatPrefix = () =>
  prefix({ prefixLength: options.prefixLength, reparametrisation: 'none', positionPolicy: 'shift' });
const mlpPrefix = () => prefix({ prefixLength: options.prefixLength });
const vertices = options.vertices ?? 2;
/** With a head where the question is a label. */
const withHead = (...parts: readonly PeftMethod[]) =>
  compose(...parts, ...(isDecoder ? [] : [head({ labels: ['a', 'b'], readout: 'pooler' })]));
/** 1 % of the query, key, value and output maps; biases are left out, so that HF peft's format holds it for the peer. */
const sparse = { rate: 0.01, targets: ['query.weight', 'key.weight', 'value.weight', 'attentionOutput.weight'] };
const methods: Record<BenchMethod, () => PeftMethod> = {
  bare: () => withHead(),
  prefix: () => withHead(flatPrefix()),
  'prefix-subspace': () => subspace(withHead(flatPrefix()), { vertices }),
  'mlp-prefix': () => withHead(mlpPrefix()),
  'mlp-prefix-subspace': () => subspace(withHead(mlpPrefix()), { vertices }),
  lora: () => withHead(lora({ rank: 8 })),
  // On the maps of TARP and with as many numbers as its dynamic form.
  'lora-everywhere': () => withHead(lora({ rank: 12, targets: 'all-linear', pooler: false })),
  tarp: () => withHead(tarp({ rank: 4 })),
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
const updates = updatesOf(batch, isDecoder, options.episodes);
const prepare = () => prepareMethod(unprepared, { host, ...updates, batchSize: batch.length, stream: createStream(1) });
// The first time builds what the host keeps.
await prepare();
const start = performance.now();
const method = await prepare();
const preparation = performance.now() - start;

/** The loss of the first parameters without dropout: what a peer must reproduce before it is timed. */
async function firstLoss(): Promise<number> {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const effective = effectiveParameters(method, raw, host.spec);
  const [texts] = updates.source.inOrder(batch.length);
  const context = evaluationContext(host.spec, texts!.texts.length);
  const loss = tf.tidy(
    () => lossOfBatch({ ...{ host, method, raw, context }, ...updates, batch: toBatch(host, texts!) }).loss,
  );
  if (adapterFolder) {
    const files = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
    mkdirSync(adapterFolder, { recursive: true });
    for (const [name, bytes] of files) writeFileSync(`${adapterFolder}/${name}`, bytes);
  }
  return (await loss.data())[0]!;
}

const rates = { learningRate: 1e-3, patience: null };
type Timed = Omit<WorkerAnswer, 'peakMegabytes'>;

async function timeSteps(count: number, watch?: OperationWatch): Promise<Timed> {
  const { steps: each, ...request } = updates;
  const milliseconds: number[] = [];
  let cpuBefore = process.cpuUsage();
  await train({
    host,
    method,
    ...request,
    // One more than asked: the first step of a run builds optimiser state and is left out.
    config: parseTrainConfig({ ...rates, steps: (count + 1) * each, batchSize: batch.length }),
    seed: 1,
    onEvent: (event) => {
      if (event.type !== 'step') return;
      watch?.endStep(event.milliseconds);
      const index = Math.floor((event.step - 1) / each) - 1;
      if (index >= 0) milliseconds[index] = (milliseconds[index] ?? 0) + event.milliseconds;
      else cpuBefore = process.cpuUsage();
    },
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  return { milliseconds, cpuMilliseconds: (user + system) / 1000 / count };
}

const continued = (watch?: OperationWatch) =>
  timeContinuation(
    { host: requireDecoder(host), prompt: batch[0]!.inputIds, newTokens: newTokens!, timed: options.timed },
    watch,
  );

async function timeContinuations(count: number, watch?: OperationWatch): Promise<Timed> {
  const milliseconds: number[] = [];
  let cpu = 0;
  for (let round = 0; round < count; round++) {
    const one = await continued(watch);
    milliseconds.push(one.milliseconds);
    cpu += one.cpuMilliseconds;
  }
  return { milliseconds, cpuMilliseconds: cpu / count };
}

/** Evaluations as runs make them on their development set. */
async function timeEvaluations(evaluations: number): Promise<Timed> {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const mode = draws === 0 ? 'midpoint' : 'stochastic';
  const dev = batch.map(({ inputIds, label }) => ({ text: textOf(inputIds), label }));
  const { evaluator } = labelledTask({ train: dev, dev });
  const config = parseTrainConfig({ steps: 1, validation: { mode, draws: Math.max(1, draws!), logMidpoint: false } });
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

const time = draws !== undefined ? timeEvaluations : newTokens ? timeContinuations : timeSteps;

async function profileSteps(steps: number): Promise<Timed> {
  const { gflops, gigabytesPerSecond } = measureMachine();
  const watch = new OperationWatch();
  watch.start();
  const timed = await time(steps, watch);
  watch.stop();
  return { ...timed, profile: watch.profile(gflops, gigabytesPerSecond) };
}

const answer = (value: object) => console.log(JSON.stringify(value));
answer(newTokens ? { tokens: (await continued()).tokens } : { loss: await firstLoss(), preparation });
for await (const line of createInterface({ input: process.stdin })) {
  const { steps, profile } = JSON.parse(line) as WorkerCommand;
  answer({ ...(await (profile ? profileSteps : time)(steps)), peakMegabytes: process.resourceUsage().maxRSS / 1024 });
}
