// How fast starts learn held-out tasks: node --conditions=@tfjs-peft/source --import tsx tools/meta/compare-starts.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { selectBackend } from '@tfjs-peft/backend';
import { summarise } from '@tfjs-peft/eval/statistics';
import { lora } from '@tfjs-peft/lora';
import { adaptationCurve, episodeSource, fixedEpisodes, rowsOfList, scoreOfLogits } from '@tfjs-peft/meta';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, createStream, disposeParameters, head, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { tarp } from '@tfjs-peft/tarp';
import { accuracy, crossEntropy, sgd } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { prepareStart } from './prepare-start.js';
import { curveSteps } from './curve-table.js';
import { startsFile, type StartResult, type StartRun, startTable } from './start-table.js';
import { readFamily, type TaskFamily, taskFamilies } from './task-families.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data' },
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
  console.log(`Accuracy and loss on held-out tasks after 0, 1, 3, 5 and 10 steps, from starts that were prepared on others.

A task is a domain of CLINC150 (seven to prepare on, three held out), a scenario of HWU64 with enough intents (three held out), or five classes of a split of
HuffPost (those of its meta-test split are held out); held-out tasks are drawn by the seed. An episode has 5 classes (3 of HWU64), 4 texts each to learn and 8
to judge by, and a head of its own. Sentiment: CR and MPQA to prepare on, SST-2 held out, one head that is prepared too, 8 texts a class to learn and 8 to
judge by, 48 in the end. MiniLM, plain descent at 0.1 inside (3 steps while preparing), AdamW outside, 4 episodes an update.

  --data F        folder with classification, glue and text-classification (default ../shared/data)
  --family f      ${taskFamilies.join(', ')} (default clinc150)
  --methods a,b   of tarp, lora, prefix, prefix-subspace
  --starts a,b    of none, multitask, fomaml, reptile
  --seeds 1,2     of tasks, episodes and values
  --steps N       updates of preparation (default 40)
  --results F     finished runs, a line each (default ${startsFile('<family>')})
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

const keyOf = ({ family, method, start, seed, steps }: StartRun) => [family, method, start, seed, steps].join(' ');
const finished = finishedRuns<StartRun, StartResult>(flags.results ?? startsFile(flags.family), keyOf);
const steps = Number(flags.steps);
const runs = flags.seeds
  .split(',')
  .map(Number)
  .flatMap((seed) =>
    flags.methods
      .split(',')
      .flatMap((method) =>
        flags.starts.split(',').map((start) => ({ family: flags.family, method, start, seed, steps })),
      ),
  );
const left = flags.print ? [] : finished.left(runs);

if (left.length > 0) {
  await selectBackend();
  const { host, tokenizer } = await loadHost(minilmFiles().directory);
  const family = await readFamily(flags.family, flags.data, (text) => tokenizer.encode(text, { maxTokens: 64 }));
  for (const run of left) {
    const result = await runOnce(run, host, family);
    finished.add(result);
    console.error(`${keyOf(run)}: ${result.accuracy.map((value) => value.toFixed(1)).join(' ')}`);
  }
  host.dispose();
}
console.log(startTable(finished.results));

async function runOnce(
  run: StartRun,
  host: Awaited<ReturnType<typeof loadHost>>['host'],
  family: TaskFamily,
): Promise<StartResult> {
  const { seen, heldOut } = family.split(run.seed);
  const { draw, judging, sharedLabels } = family;
  const headOf = (labels: readonly string[]) => head({ labels: [...labels], readout: 'mean' });
  const body = methods[run.method]!();
  const objective = crossEntropy();
  const setting = {
    objective,
    inner: { optimiser: sgd(), learningRate: 0.1, clipNorm: 1, batchSize: null },
    steps: 3,
    rows: rowsOfList<number>,
    ...(!sharedLabels && { ownPart: ({ labels = [] }: { readonly labels?: readonly string[] }) => headOf(labels) }),
  };
  const prepared = await prepareStart({
    ...{ host, setting, start: run.start, steps: run.steps, learningRate: 1e-3, seed: run.seed },
    method: sharedLabels ? compose(body, headOf(sharedLabels)) : body,
    source: episodeSource(seen, draw),
  });
  const tensors = toParameters(prepared.raw);
  const points = await adaptationCurve<readonly number[]>({
    ...{ ...setting, host, method: prepared.method, at: curveSteps, raw: tensors, stream: createStream(run.seed) },
    episodes: fixedEpisodes(heldOut, judging, { perTask: 5, seed: run.seed }),
    score: scoreOfLogits(accuracy),
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
