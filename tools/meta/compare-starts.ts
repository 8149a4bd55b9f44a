// How fast starts learn held-out tasks: node --conditions=@tfjs-peft/source --import tsx tools/meta/compare-starts.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { join } from 'node:path';
import { selectBackend } from '@tfjs-peft/backend';
import { summarise } from '@tfjs-peft/eval/statistics';
import { readTable } from '@tfjs-peft/glue-fewshot';
import { lora } from '@tfjs-peft/lora';
import { adaptationCurve, episodeSource, fixedEpisodes, type LabelledTexts, rowsOfList } from '@tfjs-peft/meta';
import { minilmFiles } from '@tfjs-peft/minilm';
import { createStream, disposeParameters, head, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { tarp } from '@tfjs-peft/tarp';
import { accuracy, crossEntropy, sgd } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { holdOut } from './hold-out.js';
import { prepareStart } from './prepare-start.js';
import { curveSteps, printCurves } from './print-curves.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data/classification' },
    family: { type: 'string', default: 'clinc150' },
    methods: { type: 'string', default: 'tarp,lora,prefix,prefix-subspace' },
    starts: { type: 'string', default: 'none,multitask,fomaml,reptile' },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    steps: { type: 'string', default: '40' },
    results: { type: 'string' },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`Accuracy on held-out classes after 0, 1, 3, 5 and 10 steps, from starts that were prepared on others.

A task is a domain of CLINC150 (seven to prepare on, three held out), a scenario of HWU64 with enough intents (three held out), or five classes of a split of
HuffPost (those of its meta-test split are held out); held-out tasks are drawn by the seed. An episode has 5 classes (3 of HWU64), 4 texts each to learn and 8
to judge by. MiniLM, plain descent at 0.1 inside (3 steps while preparing), AdamW outside, 4 episodes an update; a head of its own for every episode.

  --family f      clinc150, hwu64 or huffpost (default clinc150)
  --methods a,b   of tarp, lora, prefix, prefix-subspace
  --starts a,b    of none, multitask, fomaml, reptile
  --seeds 1,2     of tasks, episodes and values
  --steps N       updates of preparation (default 40)
  --results F     finished runs, a line each (default docs/meta/<family>.jsonl)
  --print         shows the means of what is there and runs nothing

  compare-starts.ts --methods tarp --starts none,fomaml --seeds 1 --steps 5 --results /tmp/try.jsonl`);
  process.exit(0);
}

const methods: Readonly<Record<string, () => PeftMethod>> = {
  tarp: () => tarp({ rank: 4 }),
  lora: () => lora({ rank: 8, alpha: 16 }),
  prefix: () => prefix({ prefixLength: 10, reparametrisation: 'none' }),
  'prefix-subspace': () => subspace(prefix({ prefixLength: 10, reparametrisation: 'none' }), { vertices: 2 }),
};

/** Texts of a class to learn from, and to judge by. */
const shots = 4;
const queries = 8;

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
const finished = finishedRuns<Run, Result>(flags.results ?? join('docs', 'meta', `${flags.family}.jsonl`), keyOf);
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
  const tasks = await tasksOf(flags.family, (text) => tokenizer.encode(text, { maxTokens: 64 }));
  for (const run of left) {
    const result = await runOnce(run, host, tasks);
    finished.add(result);
    console.error(`${keyOf(run)}: ${result.accuracy.map((value) => value.toFixed(1)).join(' ')}`);
  }
  host.dispose();
}
printCurves(finished.results, ['method', 'start'], ['steps'], ({ accuracy: values }) => values);

async function runOnce(run: Run, host: Awaited<ReturnType<typeof loadHost>>['host'], tasks: Tasks): Promise<Result> {
  const { seen, heldOut } = tasks.split(run.seed);
  const draw = { shots, queries, ways: tasks.ways };
  const objective = crossEntropy();
  const setting = {
    objective,
    inner: { optimiser: sgd(), learningRate: 0.1, clipNorm: 1, batchSize: null },
    steps: 3,
    rows: rowsOfList<number>,
    ownPart: ({ labels = [] }: { readonly labels?: readonly string[] }) =>
      head({ labels: [...labels], readout: 'mean' }),
  };
  const prepared = await prepareStart({
    ...{ host, setting, start: run.start, steps: run.steps, learningRate: 1e-3, seed: run.seed },
    method: methods[run.method]!(),
    source: episodeSource(seen, draw),
  });
  const tensors = toParameters(prepared.raw);
  const points = await adaptationCurve<readonly number[]>({
    ...{ ...setting, host, method: prepared.method, at: curveSteps, raw: tensors, stream: createStream(run.seed) },
    episodes: fixedEpisodes(heldOut, draw, { perTask: 5, seed: run.seed }),
    score: (logits, targets) => accuracy(logits, targets).headline,
  });
  disposeParameters(tensors);
  const meanAt = (value: (point: (typeof points)[number]) => number) =>
    curveSteps.map((count) => summarise(points.filter((point) => point.steps === count).map(value)).mean);
  return {
    ...run,
    accuracy: meanAt((point) => 100 * point.score!),
    loss: meanAt((point) => point.loss),
    secondsToPrepare: prepared.seconds,
  };
}

/** Tasks of a family, and how many classes an episode has. */
interface Tasks {
  readonly ways: number;
  readonly split: (seed: number) => {
    readonly seen: readonly LabelledTexts[];
    readonly heldOut: readonly LabelledTexts[];
  };
}

type Encode = (text: string) => ReturnType<Awaited<ReturnType<typeof loadHost>>['tokenizer']['encode']>;

/** The tasks of a file of classification/. */
async function tasksOf(family: string, encode: Encode): Promise<Tasks> {
  const known: Readonly<Record<string, { readonly file: string; readonly domain: string; readonly ways: number }>> = {
    clinc150: { file: 'clinc150.train.tsv', domain: 'domain', ways: 5 },
    hwu64: { file: 'hwu64.train.tsv', domain: 'domain', ways: 3 },
    huffpost: { file: 'huffpost.tsv', domain: 'split', ways: 5 },
  };
  const source = known[family];
  if (!source) {
    process.stderr.write(`error: --family ${family}: it must be one of ${Object.keys(known).join(', ')}\n`);
    process.exit(2);
  }
  const table = await readTable(join(flags.data, source.file));
  const column = (name: string) => {
    const place = table.columns.indexOf(name);
    return Array.from({ length: table.rowCount }, (_, row) => String(table.cell(row, place)));
  };
  const [domains, labels, texts] = [column(source.domain), column('label'), column('text')];
  const taskOf = (name: string, rows: readonly number[]): LabelledTexts => {
    const classes = [...new Set(rows.map((row) => labels[row]!))];
    return {
      name,
      labels: classes,
      examples: rows.map((row) => ({ text: encode(texts[row]!), label: classes.indexOf(labels[row]!) })),
    };
  };
  const all = [...new Set(domains)].map((name) =>
    taskOf(
      name,
      domains.flatMap((domain, row) => (domain === name ? [row] : [])),
    ),
  );
  if (family === 'huffpost') {
    const parts = all.flatMap((task) => inGroups(task, source.ways));
    const isHeldOut = ({ name }: LabelledTexts) => name.startsWith('meta_test');
    return {
      ways: source.ways,
      split: () => ({ seen: parts.filter((part) => !isHeldOut(part)), heldOut: parts.filter(isHeldOut) }),
    };
  }
  const usable = all.map(ofEnoughTexts).filter(({ labels: classes }) => classes.length >= source.ways);
  return {
    ways: source.ways,
    split: (seed) => holdOut(usable, 3, seed),
  };
}

/** A task of many classes as tasks of a few each; what is left over is left out. */
function inGroups(task: LabelledTexts, size: number): LabelledTexts[] {
  return Array.from({ length: Math.floor(task.labels.length / size) }, (_, part) => ({
    ...withLabels(task, task.labels.slice(part * size, (part + 1) * size)),
    name: `${task.name} ${part + 1}`,
  }));
}

/** A task of some of its classes. */
function withLabels(task: LabelledTexts, labels: readonly string[]): LabelledTexts {
  const examples = task.examples.flatMap(({ text, label }) => {
    const place = labels.indexOf(task.labels[label]!);
    return place < 0 ? [] : [{ text, label: place }];
  });
  return { name: task.name, labels, examples };
}

/** A task of its classes that have texts enough for an episode. */
function ofEnoughTexts(task: LabelledTexts): LabelledTexts {
  const textsOf = (label: number) => task.examples.filter((each) => each.label === label).length;
  return withLabels(
    task,
    task.labels.filter((_, label) => textsOf(label) >= shots + queries),
  );
}
