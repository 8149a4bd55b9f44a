// Every method alone and under a simplex on few labelled texts: `npm run ablation`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BackendChoice } from '@tfjs-peft/backend';
import { type ExperimentConfigInput, type ExperimentEvent, resolveExperiment, runExperiment } from '@tfjs-peft/eval';
import { hashTrial } from '@tfjs-peft/eval/run-folder';
import { chosenRate } from './choose-rates.js';
import { measureSteps, type StepRecord } from './measure-steps.js';
import { type AblationResults, readResults, resultFiles, writeReport } from './report.js';
import { type RunRecord, shortHash, toRecord } from './run-record.js';
import { common, dataSeeds, floors, methods, ratesOf, searchSeed, type TaskName, tasks } from './settings.js';
import { parseOptions } from '../options/parse-options.js';

const HELP = `Trains every method alone and under a simplex on 100 labelled texts of SST-2 and TREC, with rates chosen on a split of its own.

npm run ablation -- [options]

  --data D        folder with glue/ and text-classification/ (default ../shared/data)
  --output D      where runs are kept; the same again goes on where it stopped, and what docs/ablation/runs.json has is done
                  (default runs/ablation)
  --tasks a,b     of ${Object.keys(tasks).join(', ')} (default all)
  --methods a,b   of ${methods.join(', ')} (default all)
  --jobs N        runs at a time (default 2)
  --backend B     auto, tensorflow-gpu, tensorflow, wasm (default auto)
  --measure       instead: time the training steps of every method, one process each, on a quiet machine
  --report        instead: write docs/ablation again from its JSON

Results go to docs/ablation/: runs.json, steps.json and the tables made of them.`;

const { values: flags } = parseOptions({
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

const docs = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'ablation');

/** Replaces what is known under the same keys and keeps the rest. */
function keep<T>(name: keyof AblationResults, keyOf: (one: T) => string, fresh: readonly T[]): void {
  const keys = new Set(fresh.map(keyOf));
  const before = (readResults(docs)[name] as unknown as readonly T[]).filter((one) => !keys.has(keyOf(one)));
  mkdirSync(docs, { recursive: true });
  const lines = [...before, ...fresh].map((one) => `  ${JSON.stringify(one)}`).sort();
  writeFileSync(join(docs, resultFiles[name]), `[\n${lines.join(',\n')}\n]\n`);
}

const keyOfRun = ({ task, part, configHash }: RunRecord) => [task, part, configHash].join();

/** A method at a rate; null for a floor. */
interface Entry {
  readonly method: string;
  readonly rate: number | null;
}

const nameOf = ({ method, rate }: Entry) => (rate === null ? method : `${method}_${rate}`);

/**
 * The results of these methods on one split. What `runs.json` has is not run again, on whatever machine it was made; each run is
 * added to it as soon as it is finished.
 */
async function results(task: TaskName, part: RunRecord['part'], entries: readonly Entry[], seed: number) {
  const experiment = (some: readonly Entry[]): ExperimentConfigInput => ({
    ...common(task, flags.data),
    methods: some.map((entry) => ({
      name: nameOf(entry),
      preset: entry.method,
      ...(entry.rate !== null && { train: { learningRate: entry.rate } }),
    })),
    seeds: { data: [seed] },
  });
  const hashes = resolveExperiment(experiment(entries)).trials.map((trial) => shortHash(hashTrial(trial)));
  const known = () => new Map(readResults(docs).runs.map((run) => [keyOfRun(run), run]));
  const keys = hashes.map((configHash) => keyOfRun({ task, part, configHash } as RunRecord));
  const before = known();
  const missing = entries.filter((_, index) => !before.has(keys[index]!));
  if (missing.length > 0) {
    const report = reporter(`${task}, ${part}, split ${seed}`);
    const byName = new Map(missing.map((entry) => [nameOf(entry), entry]));
    await runExperiment(experiment(missing), {
      folder: join(flags.output, `${task}-${part}-${seed}`),
      jobs: Number(flags.jobs),
      backend: flags.backend as BackendChoice,
      resume: true,
      onEvent: (event) => {
        report(event);
        if (event.type !== 'trial-end' || event.summary.status !== 'done') return;
        keep('runs', keyOfRun, [toRecord(event.summary, { task, part, ...byName.get(event.trial.method)! })]);
      },
    });
  }
  const after = known();
  return entries.map((entry, index) => ({ entry, run: after.get(keys[index]!) }));
}

/** All tries of each method on the split for choosing, then the best rate on the reported splits. */
async function runTask(task: TaskName): Promise<void> {
  const tries = chosenMethods.flatMap((method) => ratesOf(method).map((rate) => ({ method, rate })));
  const found = await results(task, 'search', tries, searchSeed);
  const runs = found.flatMap(({ run }) => run ?? []);
  const chosen = chosenMethods.map((method) => {
    const rate = chosenRate(runs, task, method);
    if (rate === undefined) throw new Error(`every try of ${method} on ${task} failed`);
    return { method, rate };
  });
  const fixed = floors.map((method) => ({ method, rate: null }));
  for (const seed of dataSeeds) {
    const failed = (await results(task, 'report', [...fixed, ...chosen], seed)).filter(({ run }) => !run);
    if (failed.length > 0)
      throw new Error(`${task}, split ${seed}: ${failed.map(({ entry }) => entry.method).join(', ')} failed`);
  }
}

if (flags.help) console.log(HELP);
else if (flags.measure) keep('steps', ({ method }: StepRecord) => method, await measureSteps(chosenMethods, say));
else if (!flags.report) for (const task of listed(flags.tasks, Object.keys(tasks) as TaskName[])) await runTask(task);
if (!flags.help) await writeReport(docs);
