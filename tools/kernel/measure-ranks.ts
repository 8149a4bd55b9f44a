// LoRA's kernel at its start beside that of the weights it acts on, by rank: node --conditions=@tfjs-peft/source --import tsx tools/kernel/measure-ranks.ts --help
// Every finished draw is a line of the results file and is not computed again.
import { selectBackend } from '@tfjs-peft/backend';
import { requireLabels } from '@tfjs-peft/eval/trial';
import { lora } from '@tfjs-peft/lora';
import { binaryContrast, compareKernels, gradientGram, hostTensors } from '@tfjs-peft/ntk';
import { compose, createStream, head, initialValues } from '@tfjs-peft/peft-core';
import { fitHead } from '@tfjs-peft/train';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { type RankResult, type RankRun, ranksFile, rankStarts, rankTable } from './rank-table.js';
import { openTaskSession } from './task-session.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data' },
    task: { type: 'string', default: 'sst2' },
    shots: { type: 'string', default: '16' },
    ranks: { type: 'string', default: '1,2,4,8,16,32,64' },
    draws: { type: 'string', default: '5' },
    results: { type: 'string', default: ranksFile },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`Kernels of LoRA on all query and value maps of MiniLM at B = 0, for several ranks and draws of A, beside the kernel of these weights. Two-class tasks.

  --data F      folder with glue and text-classification (default ../shared/data)
  --task t      default sst2; --shots N texts a class (default 16), data seed 13
  --ranks a,b   default 1,2,4,8,16,32,64; --draws N of A for each (default 5)
  --results F   finished draws, a line each (default ${ranksFile})
  --print       shows the table of what is there and computes nothing`);
  process.exit(0);
}

const finished = finishedRuns<RankRun, RankResult>(flags.results, ({ task, shots, rank, start, draw }) =>
  [task, shots, rank, start, draw].join(' '),
);
const [task, shots] = [flags.task, Number(flags.shots)];
const runs = Array.from({ length: Number(flags.draws) }, (_, draw) => draw).flatMap((draw) =>
  flags.ranks
    .split(',')
    .map(Number)
    .flatMap((rank) => rankStarts.map((start): RankRun => ({ task, shots, rank, start, draw }))),
);
const left = flags.print ? [] : finished.left(runs);
if (left.length > 0) await measure(left);
console.log(rankTable(finished.results));

async function measure(open: readonly RankRun[]): Promise<void> {
  await selectBackend();
  const session = await openTaskSession(flags.data, { task, prompted: false, shots, protocol: 'per_class' });
  const { host, readout } = session;
  const data = requireLabels(session.data, 'kernels');
  const examples = session.examples(data.split(13).train);
  const texts = examples.map(({ text }) => text);
  const own = head({ labels: [...data.labels], readout });
  const fitted = await fitHead({
    host,
    head: own,
    texts,
    labels: examples.map(({ label }) => label),
    standardise: false,
  });
  const roles = ['query', 'value'];
  const tensors = hostTensors(host.spec, ({ role, part }) => part === 'weight' && roles.includes(role ?? ''));
  const isHead = new Set(fitted.keys());
  const common = {
    host,
    rows: texts,
    contrasts: binaryContrast,
    groupOf: (name: string) => (isHead.has(name) ? 'head' : 'body'),
  };
  const full = await gradientGram({ ...common, method: compose(own), parameters: fitted, tensors });
  for (const run of open) {
    const { rank, start, draw } = run;
    // The mean over A is the kernel of the weights times a factor of the start, which the scaled deviation takes out.
    const method = compose(lora({ rank, alpha: rank, targets: roles, initialisation: start }), own);
    const drawn = initialValues(method.plan(host.spec), createStream(draw));
    const gram = await gradientGram({ ...common, method, parameters: new Map([...drawn, ...fitted]) });
    const { alignment, scaledDeviation } = compareKernels(gram.groups.get('body')!, full.groups.get('body')!);
    finished.add({ ...run, alignment, scaledDeviation });
    console.error(`rank ${rank}, ${start}, draw ${draw}: alignment ${alignment.toFixed(4)}`);
  }
  session.dispose();
}
