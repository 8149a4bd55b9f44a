// Fine-tuning beside regression with its kernel: node --conditions=@tfjs-peft/source --import tsx tools/kernel/compare-behaviour.ts --help
// Every finished split is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { selectBackend } from '@tfjs-peft/backend';
import { type BehaviourMeasurement, measureBehaviour } from '@tfjs-peft/eval';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { behaviourFile, type BehaviourResult, type BehaviourRun, behaviourTable } from './behaviour-table.js';
import { openTaskSession } from './task-session.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data' },
    tasks: { type: 'string', default: 'sst2,cr,mr,mpqa,subj,trec,sst5,ag_news,cola,mrpc,qnli,rte,qqp,mnli' },
    starts: { type: 'string', default: 'head,prompt' },
    shots: { type: 'string', default: '16' },
    seeds: { type: 'string', default: '13,21,42,87,100' },
    steps: { type: 'string', default: '100' },
    'test-cap': { type: 'string', default: '300' },
    results: { type: 'string', default: behaviourFile },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`The three tests of Malladi et al. 2023 on MiniLM: regression with three kernels of all weights of the layers, fine-tuning of the same weights by
three optimisers, the trained model linearised, and how far the kernel moved. Texts a class for training, as many for development.

  --data F        folder with glue and text-classification (default ../shared/data)
  --tasks a,b     default: the fourteen of the paper
  --starts a,b    head: a head fitted on frozen features; prompt: label words at a mask
  --shots 16,64   texts a class (default 16)
  --seeds 13,21   of the splits
  --steps N       of fine-tuning, two learning rates each (default 100)
  --test-cap N    test texts at most, drawn once (default 300)
  --results F     finished splits, a line each (default ${behaviourFile})
  --print         shows the table of what is there and runs nothing

  compare-behaviour.ts --tasks sst2 --starts head --seeds 13 --steps 10 --test-cap 40 --results /tmp/try.jsonl`);
  process.exit(0);
}

const listOf = (text: string) => text.split(',');
const unknown = listOf(flags.starts).find((start) => start !== 'head' && start !== 'prompt');
if (unknown !== undefined) {
  console.error(`error: --starts ${unknown}: head, prompt, or both (--help shows the options)`);
  process.exit(2);
}
const keyOf = ({ task, start, shots, seed, steps, testCap }: BehaviourRun) =>
  [task, start, shots, seed, steps, testCap].join(' ');
const finished = finishedRuns<BehaviourRun, BehaviourResult>(flags.results, keyOf);
const [steps, testCap] = [Number(flags.steps), Number(flags['test-cap'])];
// A split of all tasks before the next: what is there when it is stopped is of all tasks.
const runs = listOf(flags.shots).flatMap((shots) =>
  listOf(flags.seeds).flatMap((seed) =>
    listOf(flags.tasks).flatMap((task) =>
      listOf(flags.starts).map((start): BehaviourRun => ({
        task,
        start,
        shots: Number(shots),
        seed: Number(seed),
        steps,
        testCap,
      })),
    ),
  ),
);
const left = flags.print ? [] : finished.left(runs);

if (left.length > 0) await selectBackend();
const from = performance.now();
for (const [index, run] of left.entries()) {
  const session = await openTaskSession(flags.data, {
    task: run.task,
    prompted: run.start === 'prompt',
    ...{ shots: run.shots, protocol: 'per_class', testCap },
  });
  const started = performance.now();
  const measured: BehaviourMeasurement = await measureBehaviour({ session, dataSeed: run.seed, steps }).finally(() =>
    session.dispose(),
  );
  finished.add({ ...run, ...measured, seconds: Math.round((performance.now() - started) / 1000) });
  const minutes = ((performance.now() - from) / 60_000 / (index + 1)) * (left.length - index - 1);
  const told = measured.optimisers.map(
    ({ optimiser, fineTuned, kernel, linearised }) =>
      `${optimiser} ${fineTuned.toFixed(1)} (kernel ${kernel.toFixed(1)}, linear ${linearised.toFixed(1)})`,
  );
  console.error(
    `${index + 1} of ${left.length}, ${keyOf(run)}: ${told.join(', ')}; about ${Math.ceil(minutes)} min left`,
  );
}
console.log(behaviourTable(finished.results));
