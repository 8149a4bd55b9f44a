// Accuracy and training loss of sparse increments over their rate and choice: node --conditions=@tfjs-peft/source --import tsx tools/sift/run-curve.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { writeFileSync } from 'node:fs';
import { selectBackend } from '@tfjs-peft/backend';
import { parseExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession, requireLabels } from '@tfjs-peft/eval/trial';
import { compose, disposeParameters, head, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { type Selection, sift } from '@tfjs-peft/sift';
import { labelledTask, parseTrainConfig, predictLogits, train } from '@tfjs-peft/train';
import { type CurveResult, type CurveRun, drawCurve, printCurve } from './print-curve.js';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    task: { type: 'string', default: 'sst2' },
    data: { type: 'string' },
    model: { type: 'string', default: 'minilm' },
    shots: { type: 'string', default: '32' },
    steps: { type: 'string', default: '50' },
    rates: { type: 'string', default: '1e-5,1e-4,1e-3,0.008,0.05,0.2,1' },
    selections: { type: 'string', default: 'gradient,magnitude,random' },
    seeds: { type: 'string', default: '13,21,42,87,100' },
    results: { type: 'string', default: 'docs/sift/curve.jsonl' },
    print: { type: 'boolean', default: false },
    plot: { type: 'string' },
  },
});
if (flags.help) {
  console.log(`--task sst2 --data <folder> --model minilm --shots 32 --steps 50 --rates 1e-4,1e-3 --selections gradient,random --seeds 13,21
--results docs/sift/curve.jsonl; --print shows what is there and runs nothing; --plot <file.svg> draws it.
Batches of 32, AdamW at 1e-3 for increments and head, no dropout: final training loss (mean of the last ten steps) and accuracy on the test set.`);
  process.exit(0);
}

const list = (text: string) => text.split(',');
const keyOf = ({ task, model, shots, steps, rate, selection, seed }: CurveRun) =>
  [task, model, shots, steps, rate, selection, seed].join(' ');
const finished = finishedRuns<CurveRun, CurveResult>(flags.results, keyOf);
const { results } = finished;

const setting = {
  task: flags.task,
  model: flags.model.split('/').at(-1)!,
  shots: Number(flags.shots),
  steps: Number(flags.steps),
};
// At rate 1 every choice takes all entries: one run stands for all.
const choicesAt = (rate: number) => (rate === 1 ? ['all'] : list(flags.selections));
const runs: CurveRun[] = list(flags.seeds).flatMap((seed) => [
  { ...setting, rate: 0, selection: 'head', seed: Number(seed) },
  ...list(flags.rates)
    .map(Number)
    .flatMap((rate) => choicesAt(rate).map((selection) => ({ ...setting, rate, selection, seed: Number(seed) }))),
]);

const left = flags.print ? [] : finished.left(runs);
if (left.length > 0) {
  const backend = JSON.parse(JSON.stringify(await selectBackend()));
  const data = { shots: setting.shots, ...(flags.data !== undefined && { directory: flags.data }) };
  const seeds = { data: list(flags.seeds).map(Number) };
  const config = parseExperiment({
    version: 1,
    task: flags.task,
    methods: ['head'],
    model: { name: flags.model, dropout: false },
    data,
    seeds,
  } as never);
  const session = await openSession(config, { catalogue: createCatalogue(), backend });
  for (const run of left) {
    const result = await runOnce(run, session);
    finished.add(result);
    console.error(`${keyOf(run)}: loss ${result.trainLoss.toFixed(3)}, accuracy ${result.accuracy.toFixed(3)}`);
  }
  session.dispose();
}
console.log(printCurve(results));
if (flags.plot !== undefined) writeFileSync(flags.plot, await drawCurve(results));

async function runOnce(
  run: CurveRun,
  { host, data: task, examples, encode, readout }: Awaited<ReturnType<typeof openSession>>,
): Promise<CurveResult> {
  const data = requireLabels(task, 'the curve');
  const classifier = head({ labels: [...data.labels], readout });
  const selection = run.selection === 'all' ? 'magnitude' : (run.selection as Selection);
  const config = { rate: run.rate, selection };
  const method: PeftMethod = run.rate === 0 ? classifier : compose(sift(config), classifier);
  const losses: number[] = [];
  const { method: trained, effective } = await train({
    host,
    method,
    ...labelledTask({ train: examples(data.split(run.seed).train), objective: data.objective }),
    config: parseTrainConfig({ steps: run.steps, batchSize: 32, learningRate: 1e-3, patience: null, clipNorm: null }),
    seed: run.seed,
    onEvent: (event) => void (event.type === 'step' && losses.push(event.loss)),
  });
  const rows = data.tests[0]!.rows;
  const tensors = toParameters(effective);
  const { logits } = await predictLogits({ host, method: trained, effective: tensors, texts: encode(rows) });
  disposeParameters(tensors);
  const last = losses.slice(-10);
  const labels = data.labels.length;
  const hits = rows.filter((row, index) => argmax(logits.subarray(index * labels, (index + 1) * labels)) === row.label);
  return {
    ...run,
    trainable: [...effective]
      .filter(([name]) => name.endsWith('.values'))
      .reduce((sum, [, { data: values }]) => sum + values.length, 0),
    trainLoss: last.reduce((sum, loss) => sum + loss, 0) / last.length,
    accuracy: hits.length / rows.length,
  };
}

function argmax(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}
