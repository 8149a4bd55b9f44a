// Accuracy and training loss of sparse increments over their rate and choice: node --conditions=@tfjs-peft/source --import tsx tools/sift/run-curve.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { selectBackend } from '@tfjs-peft/backend';
import { parseExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession } from '@tfjs-peft/eval/trial';
import { compose, disposeParameters, head, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { type Selection, sift } from '@tfjs-peft/sift';
import { labelledTask, parseTrainConfig, predictLogits, train } from '@tfjs-peft/train';
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
  },
});
if (flags.help) {
  console.log(`--task sst2 --data <folder> --model minilm --shots 32 --steps 50 --rates 1e-4,1e-3 --selections gradient,random --seeds 13,21
--results docs/sift/curve.jsonl; --print shows the means of what is there and runs nothing.
Batches of 32, AdamW at 1e-3 for increments and head, no dropout: final training loss (mean of the last ten steps) and accuracy on the test set.`);
  process.exit(0);
}

/** One run, as a line of the results. */
interface Run {
  readonly task: string;
  readonly model: string;
  readonly shots: number;
  readonly steps: number;
  /** 0 for a head alone. */
  readonly rate: number;
  readonly selection: string;
  readonly seed: number;
}
interface Result extends Run {
  readonly trainable: number;
  readonly trainLoss: number;
  readonly accuracy: number;
}

const list = (text: string) => text.split(',');
const keyOf = ({ task, model, shots, steps, rate, selection, seed }: Run) =>
  [task, model, shots, steps, rate, selection, seed].join(' ');
const finished = finishedRuns<Run, Result>(flags.results, keyOf);
const { results } = finished;

const setting = {
  task: flags.task,
  model: flags.model.split('/').at(-1)!,
  shots: Number(flags.shots),
  steps: Number(flags.steps),
};
const runs: Run[] = list(flags.seeds).flatMap((seed) => [
  { ...setting, rate: 0, selection: 'head', seed: Number(seed) },
  ...list(flags.rates).flatMap((rate) =>
    list(flags.selections).map((selection) => ({ ...setting, rate: Number(rate), selection, seed: Number(seed) })),
  ),
]);

function printMeans(): void {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const key = [result.task, result.model, `K=${result.shots}`, result.rate, result.selection].join(' | ');
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  console.log(
    '| task | host | K | rate | choice | numbers | seeds | final training loss | accuracy |\n|---|---|---|---|---|---|---|---|---|',
  );
  const spread = (values: number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return `${mean.toFixed(3)} (${Math.min(...values).toFixed(3)} – ${Math.max(...values).toFixed(3)})`;
  };
  for (const [key, group] of groups)
    console.log(
      `| ${key} | ${group[0]!.trainable.toLocaleString('en')} | ${group.length} | ${spread(group.map(({ trainLoss }) => trainLoss))} | ${spread(group.map(({ accuracy }) => accuracy))} |`,
    );
}

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
printMeans();

async function runOnce(
  run: Run,
  { host, data, examples, encode, readout }: Awaited<ReturnType<typeof openSession>>,
): Promise<Result> {
  const classifier = head({ labels: [...data.labels], readout });
  const config = { rate: run.rate, selection: run.selection as Selection };
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
