// Every method alone and under a simplex on few labelled texts: `npm run ablation`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BackendChoice } from '@tfjs-peft/backend';
import { type ExperimentConfigInput, type ExperimentEvent, runExperiment, type TrialSummary } from '@tfjs-peft/eval';
import { chooseRate } from './choose-rates.js';
import { measureSteps } from './measure-steps.js';
import { resultFiles, readResults, writeReport } from './report.js';
import { type RunRecord, toRecord } from './run-record.js';
import {
  common,
  dataSeeds,
  floors,
  methods,
  presetRate,
  ratesOf,
  searchSeed,
  type TaskName,
  tasks,
} from './settings.js';

const HELP = `Trains every method alone and under a simplex on 100 labelled texts of SST-2 and TREC, with rates chosen on a split of its own.

npm run ablation -- [options]

  --data D        folder with glue/ and text-classification/ (default ../shared/data)
  --output D      where runs are kept; the same again goes on where it stopped (default runs/ablation)
  --tasks a,b     of ${Object.keys(tasks).join(', ')} (default all)
  --methods a,b   of ${methods.join(', ')} (default all)
  --jobs N        runs at a time (default 2)
  --backend B     auto, tensorflow-gpu, tensorflow, wasm (default auto)
  --measure       instead: time the training steps of every method, one process each, on a quiet machine
  --report        instead: write docs/ablation again from its JSON

Results go to docs/ablation/: runs.json, steps.json and the tables made of them.`;

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data' },
    output: { type: 'string', default: join('runs', 'ablation') },
    tasks: { type: 'string', default: Object.keys(tasks).join(',') },
    methods: { type: 'string', default: methods.join(',') },
    jobs: { type: 'string', default: '2' },
    backend: { type: 'string', default: 'auto' },
    measure: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const listed = <T extends string>(given: string, known: readonly T[]): T[] =>
  given.split(',').map((name) => {
    if (known.includes(name as T)) return name as T;
    throw new Error(`"${name}" is none of ${known.join(', ')}`);
  });

const chosenMethods = listed(flags.methods, methods).flatMap((name) => [name as string, `${name}-subspace`]);
const started = performance.now();
const say = (text: string) => console.error(`[${((performance.now() - started) / 1000).toFixed(0)} s] ${text}`);

/** Lines for the start, the end and the failures of runs, with the time left. */
function reporter(what: string) {
  const from = performance.now();
  let [total, done] = [0, 0];
  return (event: ExperimentEvent) => {
    if (event.type === 'plan') total = event.trials.length - event.finished.length;
    else if (event.type === 'warning') say(`${what}: ${event.trial?.method ?? ''} ${event.text}`);
    else if (event.type === 'trial-end' && !event.reused) {
      done += 1;
      const left = ((performance.now() - from) / done / 1000) * (total - done);
      const { summary } = event;
      const score = summary.status === 'done' ? summary.test[summary.headlineSplit]!.headline.toFixed(1) : 'failed';
      say(`${what}: ${done} of ${total}, ${event.trial.method} ${score}, about ${(left / 60).toFixed(1)} min left`);
    }
  };
}

const run = async (what: string, input: ExperimentConfigInput): Promise<readonly TrialSummary[]> => {
  const { trials } = await runExperiment(input, {
    folder: join(flags.output, what),
    jobs: Number(flags.jobs),
    backend: flags.backend as BackendChoice,
    onEvent: reporter(what),
    resume: true,
  });
  return trials;
};

/** Three tries of each method on the split for choosing, then the best rate on the reported splits. */
async function runTask(task: TaskName): Promise<RunRecord[]> {
  const shared = common(task, flags.data);
  const tries = chosenMethods.flatMap((preset) =>
    ratesOf(preset).map((rate) => ({ name: `${preset}_${rate}`, preset, train: { learningRate: rate } })),
  );
  const found = await run(`${task}-search`, { ...shared, methods: tries, seeds: { data: [searchSeed] } });
  const search = tries.map(({ name, preset, train }) => {
    const summary = found.find(({ method }) => method === name)!;
    return { rate: train.learningRate, preset, summary };
  });
  const chosen = chosenMethods.map((preset) => {
    const own = search
      .filter((one) => one.preset === preset)
      .map(({ rate, summary }) => ({ rate, dev: summary.dev?.headline }));
    const rate = chooseRate(own, presetRate(preset));
    if (rate === undefined) throw new Error(`every try of ${preset} on ${task} failed`);
    return { name: preset, train: { learningRate: rate } };
  });
  const reported = await run(`${task}-report`, {
    ...shared,
    methods: [...floors, ...chosen],
    seeds: { data: dataSeeds },
  });
  const rateOf = (method: string) => chosen.find(({ name }) => name === method)?.train.learningRate ?? null;
  return [
    ...search
      .filter(({ summary }) => summary.status === 'done')
      .map(({ rate, preset, summary }) => toRecord(summary, { task, part: 'search', method: preset, rate })),
    ...reported.map((summary) =>
      toRecord(summary, { task, part: 'report', method: summary.method, rate: rateOf(summary.method) }),
    ),
  ];
}

const docs = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'ablation');

/** Replaces what is known of `key` and keeps the rest. */
function keep(file: string, name: 'runs' | 'steps', key: (one: never) => string, fresh: readonly unknown[]) {
  const before = (readResults(docs)[name] as unknown[]).filter(
    (one) => !fresh.some((other) => key(other as never) === key(one as never)),
  );
  mkdirSync(docs, { recursive: true });
  const lines = [...before, ...fresh].map((one) => `  ${JSON.stringify(one)}`);
  writeFileSync(join(docs, file), `[\n${lines.join(',\n')}\n]\n`);
}

if (flags.help) console.log(HELP);
else if (flags.measure)
  keep(resultFiles.steps, 'steps', ({ method }: { method: string }) => method, await measureSteps(chosenMethods, say));
else if (!flags.report)
  for (const task of listed(flags.tasks, Object.keys(tasks) as TaskName[])) {
    const records = await runTask(task);
    keep(
      resultFiles.runs,
      'runs',
      (one: RunRecord) => [one.task, one.part, one.method, one.dataSeed, one.part === 'search' && one.rate].join(),
      records,
    );
  }
if (!flags.help) writeReport(docs);
