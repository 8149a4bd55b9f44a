// How fast starts learn held-out tasks: node --conditions=@tfjs-peft/source --import tsx tools/meta/compare-starts.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { join } from 'node:path';
import { selectBackend } from '@tfjs-peft/backend';
import { summarise } from '@tfjs-peft/eval/statistics';
import { readTable } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import {
  adaptationCurve,
  episodeSource,
  fixedEpisodes,
  fomaml,
  type LabelledTexts,
  multitask,
  objectiveOfEpisodes,
  reptile,
  rowsOfList,
} from '@tfjs-peft/meta';
import { minilmFiles } from '@tfjs-peft/minilm';
import {
  createStream,
  disposeParameters,
  head,
  initialValues,
  type NamedArrays,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { accuracy, crossEntropy, parseTrainConfig, sgd, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data/classification' },
    methods: { type: 'string', default: 'lora,prefix,prefix-subspace' },
    starts: { type: 'string', default: 'none,multitask,fomaml,reptile' },
    seeds: { type: 'string', default: '1,2,3' },
    steps: { type: 'string', default: '40' },
    results: { type: 'string', default: join('docs', 'meta', 'clinc150.jsonl') },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`Accuracy on held-out intents after 0, 1, 3, 5 and 10 steps, from starts that were prepared on others.

CLINC150: a domain is a task, seven to prepare on and three held out, drawn by the seed. An episode has 5 intents, 4 texts each to learn and 8 to judge
by. MiniLM, plain descent at 0.1 inside (3 steps while preparing), AdamW outside, 4 episodes an update; a head of its own for every episode.

  --methods a,b   of lora, prefix, prefix-subspace
  --starts a,b    of none, multitask, fomaml, reptile
  --seeds 1,2     of domains, episodes and values
  --steps N       updates of preparation (default 40)
  --results F     finished runs, a line each
  --print         shows the means of what is there and runs nothing`);
  process.exit(0);
}

const at = [0, 1, 3, 5, 10];
const rules = { multitask, fomaml, reptile };
const methods: Readonly<Record<string, () => PeftMethod>> = {
  lora: () => lora({ rank: 8, alpha: 16 }),
  prefix: () => prefix({ prefixLength: 10, reparametrisation: 'none' }),
  'prefix-subspace': () => subspace(prefix({ prefixLength: 10, reparametrisation: 'none' }), { vertices: 2 }),
};

/** One preparation, as a line of the results. */
interface Run {
  readonly method: string;
  readonly start: string;
  readonly seed: number;
  readonly steps: number;
}
interface Result extends Run {
  /** Mean accuracy in per cent after each of `at` steps. */
  readonly accuracy: readonly number[];
  readonly loss: readonly number[];
  readonly secondsToPrepare: number;
}
const keyOf = ({ method, start, seed, steps }: Run) => [method, start, seed, steps].join(' ');
const finished = finishedRuns<Run, Result>(flags.results, keyOf);
const { results } = finished;
const steps = Number(flags.steps);
const runs = flags.seeds
  .split(',')
  .map(Number)
  .flatMap((seed) =>
    flags.methods
      .split(',')
      .flatMap((method) => flags.starts.split(',').map((start) => ({ method, start, seed, steps }))),
  );
const left = flags.print ? [] : finished.left(runs);

if (left.length > 0) {
  await selectBackend();
  const { host, tokenizer } = await loadHost(minilmFiles().directory);
  const table = await readTable(join(flags.data, 'clinc150.train.tsv'));
  const column = (name: string) => {
    const place = table.columns.indexOf(name);
    return Array.from({ length: table.rowCount }, (_, row) => String(table.cell(row, place)));
  };
  const [domains, labels, texts] = [column('domain'), column('label'), column('text')];
  const tasks = [...new Set(domains)].map((name): LabelledTexts => {
    const rows = domains.flatMap((domain, row) => (domain === name ? [row] : []));
    const classes = [...new Set(rows.map((row) => labels[row]!))];
    return {
      name,
      labels: classes,
      examples: rows.map((row) => ({
        text: tokenizer.encode(texts[row]!, { maxTokens: 64 }),
        label: classes.indexOf(labels[row]!),
      })),
    };
  });
  for (const run of left) {
    const result = await runOnce(run, host, tasks);
    finished.add(result);
    console.error(`${keyOf(run)}: ${result.accuracy.map((value) => value.toFixed(1)).join(' ')}`);
  }
  host.dispose();
}
printTable();

async function runOnce(
  run: Run,
  host: Awaited<ReturnType<typeof loadHost>>['host'],
  tasks: readonly LabelledTexts[],
): Promise<Result> {
  const order = [...tasks].map((_, index) => (index * 3 + run.seed) % tasks.length);
  const [seen, heldOut] = [order.slice(0, 7), order.slice(7)].map((places) => places.map((place) => tasks[place]!));
  const draw = { shots: 4, queries: 8, ways: 5 };
  const objective = crossEntropy();
  const setting = {
    objective,
    inner: { optimiser: sgd(), learningRate: 0.1, clipNorm: 1, batchSize: null },
    rows: rowsOfList<number>,
    ownPart: ({ labels = [] }: { readonly labels?: readonly string[] }) =>
      head({ labels: [...labels], readout: 'mean' }),
  };
  const method = methods[run.method]!();
  const started = performance.now();
  let raw: NamedArrays = initialValues(method.plan(host.spec), createStream(run.seed));
  if (run.start !== 'none')
    ({ raw } = await train({
      host,
      method,
      source: episodeSource(seen!, draw),
      objective: objectiveOfEpisodes(objective),
      rule: rules[run.start as keyof typeof rules]({ ...setting, steps: 3 }),
      config: parseTrainConfig({ steps: run.steps, batchSize: 4, learningRate: 1e-3, patience: null }),
      seed: run.seed,
    }));
  const secondsToPrepare = (performance.now() - started) / 1000;
  const tensors = toParameters(raw);
  const points = await adaptationCurve<readonly number[]>({
    ...{ ...setting, host, method, at, raw: tensors, stream: createStream(run.seed) },
    episodes: fixedEpisodes(heldOut!, draw, { perTask: 5, seed: run.seed }),
    score: (logits, targets) => accuracy(logits, targets).headline,
  });
  disposeParameters(tensors);
  const meanAt = (value: (point: (typeof points)[number]) => number) =>
    at.map((count) => summarise(points.filter((point) => point.steps === count).map(value)).mean);
  return {
    ...run,
    accuracy: meanAt((point) => 100 * point.score!),
    loss: meanAt((point) => point.loss),
    secondsToPrepare,
  };
}

function printTable(): void {
  console.log(`| method | start | seeds | ${at.map((count) => `after ${count}`).join(' | ')} |`);
  console.log(`|---|---|---|${at.map(() => '---|').join('')}`);
  for (const group of new Set(results.map(({ method, start }) => `${method} | ${start}`))) {
    const rows = results.filter(({ method, start }) => `${method} | ${start}` === group);
    const cells = at.map((_, place) => {
      const { mean, interval } = summarise(rows.map((row) => row.accuracy[place]!));
      return mean.toFixed(1) + (interval ? ` [${interval.map((end) => end.toFixed(1)).join(', ')}]` : '');
    });
    console.log(`| ${group} | ${rows.length} | ${cells.join(' | ')} |`);
  }
}
