// SetFit (Python) and contrastive presets on the same rows, host and machine: `npm run compare:setfit`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { selectBackend } from '@tfjs-peft/backend';
import { parseExperiment, resolveExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { pairedDifference, summarise } from '@tfjs-peft/eval/statistics';
import { openSession, runTrial } from '@tfjs-peft/eval/trial';
import { minilmFiles } from '@tfjs-peft/minilm';
import { findPython } from './find-python.js';
import { parseOptions } from '../options/parse-options.js';

const HELP = `SetFit 1.2 with its defaults and contrastive methods of this library: accuracy and CPU seconds of training, on the same rows.

npm run compare:setfit -- [options]

  --data D      folder with glue/ and text-classification/ (default ../shared/data)
  --tasks a,b   of trec, sst2, spam-subjects (default all)
  --methods a   presets (default contrastive-lora,contrastive-prefix,contrastive-prefix-subspace)
  --splits a,b  data seeds, the same for all tasks (default 13,21,42; 1,2,3 for spam-subjects)
  --train-seeds a,b
                seeds of initial values, pairs and dropout (default 0); SetFit runs once a split
  --steps N     steps of SetFit, 16 pairs each (default 250)
  --python P    Python with tools/parity/requirements-setfit.txt (default: a venv in the cache, made once)
  --no-setfit   only the methods of this library
  --output D    rows and results (default runs/compare-setfit)`;

const { values: flags } = parseOptions({
  options: {
    data: { type: 'string', default: '../shared/data' },
    tasks: { type: 'string', default: 'trec,sst2,spam-subjects' },
    methods: { type: 'string', default: 'contrastive-lora,contrastive-prefix,contrastive-prefix-subspace' },
    splits: { type: 'string' },
    'train-seeds': { type: 'string', default: '0' },
    steps: { type: 'string', default: '250' },
    python: { type: 'string' },
    'no-setfit': { type: 'boolean', default: false },
    output: { type: 'string', default: join('runs', 'compare-setfit') },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(HELP);
  process.exit(0);
}

const seedsIn = (text: string) => text.split(',').map(Number);
const tasks = {
  trec: { directory: join(flags.data, 'text-classification'), seeds: [13, 21, 42] },
  sst2: { directory: join(flags.data, 'glue'), seeds: [13, 21, 42] },
  'spam-subjects': { directory: null, seeds: [1, 2, 3] },
} as const;
type TaskName = keyof typeof tasks;

interface Outcome {
  readonly split: number;
  readonly accuracy: number;
  readonly cpuSeconds: number;
}

const script = fileURLToPath(new URL('run_setfit.py', import.meta.url));
const requirements = fileURLToPath(new URL('requirements-setfit.txt', import.meta.url));
const python = flags['no-setfit']
  ? undefined
  : findPython(flags.python, (line) => console.error(line), { requirements, venv: 'setfit' });
await selectBackend();
mkdirSync(flags.output, { recursive: true });

function runSetFit(rows: string): Omit<Outcome, 'split'> {
  const env = { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };
  const { status, stdout, stderr } = spawnSync(python!, [script, rows], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`SetFit failed:\n${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Omit<Outcome, 'split'>;
}

async function compare(task: TaskName): Promise<void> {
  const { directory } = tasks[task];
  const seeds = flags.splits ? seedsIn(flags.splits) : tasks[task].seeds;
  const input = {
    version: 1 as const,
    task,
    data: { directory, shots: 100, protocol: 'same_k' as const, maxTokens: 128 },
    methods: flags.methods.split(','),
    seeds: { data: [...seeds], train: seedsIn(flags['train-seeds']) },
  };
  const catalogue = createCatalogue();
  const session = await openSession(parseExperiment(input), { catalogue, backend: {} });
  const outcomes = new Map<string, Outcome[]>();
  const add = (name: string, split: number, outcome: Omit<Outcome, 'split'>) => {
    outcomes.set(name, [...(outcomes.get(name) ?? []), { split, ...outcome }]);
    console.log(
      `${task} split ${split} ${name}: ${outcome.accuracy.toFixed(2)} in ${outcome.cpuSeconds.toFixed(0)} s of CPU`,
    );
  };
  for (const trial of resolveExperiment(input, catalogue).trials) {
    const folder = join(flags.output, `${task}-${trial.seed.data}-${trial.seed.train}-${trial.method.name}`);
    const before = process.cpuUsage();
    const summary = await runTrial(trial, { folder, session, resume: true });
    const { user, system } = process.cpuUsage(before);
    const accuracy = summary.test[summary.headlineSplit]!.metrics['accuracy']!;
    // CPU time of the whole trial, test included: an upper bound of what training takes.
    add(trial.method.name, trial.seed.data, { accuracy, cpuSeconds: (user + system) / 1e6 });
  }
  for (const seed of python ? seeds : []) {
    const pairs = (rows: readonly { readonly texts: readonly string[]; readonly label: number }[]) =>
      rows.map(({ texts, label }) => [texts[0], label]);
    const rows = resolve(flags.output, `${task}-${seed}.json`);
    const { train } = session.data.split(seed);
    const job = { model: resolve(minilmFiles().directory), steps: Number(flags.steps), batch: 16, seed: 42 };
    writeFileSync(rows, JSON.stringify({ ...job, train: pairs(train), test: pairs(session.data.tests[0]!.rows) }));
    add('SetFit', seed, runSetFit(rows));
  }
  session.dispose();
  /** One number a split: the mean over training seeds. */
  const bySplit = (list: readonly Outcome[]) =>
    seeds.map((seed) => summarise(list.filter(({ split }) => split === seed).map(({ accuracy }) => accuracy)).mean);
  const reference = python ? 'SetFit' : [...outcomes.keys()][0]!;
  for (const [name, list] of outcomes) {
    const accuracy = summarise(bySplit(list));
    const cpu = summarise(list.map((outcome) => outcome.cpuSeconds));
    console.log(
      `${task} ${name}: ${accuracy.mean.toFixed(2)} ± ${(accuracy.standardDeviation ?? 0).toFixed(2)} over splits, ${cpu.mean.toFixed(0)} s of CPU`,
    );
  }
  for (const [name, list] of outcomes) {
    if (name === reference) continue;
    const { mean, interval } = pairedDifference(bySplit(list), bySplit(outcomes.get(reference)!));
    const range = interval ? ` [${interval[0].toFixed(1)}, ${interval[1].toFixed(1)}]` : '';
    console.log(`${task} ${name} against ${reference}: ${mean.toFixed(2)}${range}`);
  }
  writeFileSync(join(flags.output, `${task}.json`), JSON.stringify(Object.fromEntries(outcomes), null, 2));
}

for (const task of flags.tasks.split(',')) {
  if (!(task in tasks)) throw new Error(`"${task}" is none of ${Object.keys(tasks).join(', ')}`);
  await compare(task as TaskName);
}
