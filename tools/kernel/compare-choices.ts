// Does a kernel tell which method to train? node --conditions=@tfjs-peft/source --import tsx tools/kernel/compare-choices.ts --help
// Every finished split is a line of the results file and is not computed again.
import { selectBackend } from '@tfjs-peft/backend';
import { measureKernels } from '@tfjs-peft/eval';
import { readCellResults, readGrid, type StoredGrid } from '@tfjs-peft/eval/grid';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { choicesFile, type ChoiceResult, type ChoiceRun, choiceTable } from './choice-table.js';
import { openTaskSession } from './task-session.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    grid: { type: 'string' },
    data: { type: 'string', default: '../shared/data' },
    results: { type: 'string', default: choicesFile },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help || (!flags.grid && !flags.print)) {
  console.log(`Ranks the methods of a finished grid by their kernels, on the splits on which the grid trained them, and compares the order with what training gave.
Simplexes, floors and plain heads are left out. A method that trains all weights stands for the kernel of all weights of the layers.

  --grid F      folder of a grid of MiniLM (tfjs-peft ablate)
  --data F      folder with glue and text-classification (default ../shared/data)
  --results F   finished splits, a line each (default ${choicesFile})
  --print       shows the table of what is there and computes nothing`);
  process.exit(flags.help ? 0 : 2);
}

const finished = finishedRuns<ChoiceRun, ChoiceResult>(flags.results, ({ task, shots, seed }) =>
  [task, shots, seed].join(' '),
);
if (!flags.print) await computeAll(flags.grid!);
console.log(choiceTable(finished.results));

async function computeAll(folder: string): Promise<void> {
  const grid = await readGrid(folder);
  if (!grid) {
    process.stderr.write(`error: ${folder} holds no grid\n`);
    process.exit(2);
  }
  if (grid.config.seeds.train.length > 1) {
    process.stderr.write(`error: ${folder} has several training seeds; one is compared\n`);
    process.exit(2);
  }
  await selectBackend();
  const { catalogue, names, whole } = methodsOf(grid);
  for (const { cell, results } of await readCellResults(folder, grid)) {
    const runs = grid.config.seeds.data.map((seed): ChoiceRun => ({ task: cell.task, shots: cell.shots, seed }));
    for (const run of finished.left(runs)) {
      const ofMethod = (name: string) =>
        results.find((one) => one.method === name && one.dataSeed === run.seed && one.status === 'done');
      const known = names.filter((name) => ofMethod(name)?.dev && ofMethod(name)?.headlineSplit);
      // Only splits on which all methods were trained.
      if (known.length < names.length) continue;
      const { directory: _, ...data } = grid.config.data;
      const session = await openTaskSession(
        flags.data,
        { ...data, task: run.task, prompted: false, shots: run.shots },
        catalogue,
      );
      const { hash } = session.data.split(run.seed);
      const other = known.find((name) => ofMethod(name)!.splitHash !== hash);
      if (other) {
        session.dispose();
        process.stderr.write(`error: ${run.task} ${run.seed}: ${other} was trained on other rows than --data gives\n`);
        process.exit(1);
      }
      const started = performance.now();
      const measured = await measureKernels({
        session,
        dataSeed: run.seed,
        methods: names.filter((name) => !whole.has(name)),
      }).finally(() => session.dispose());
      const methods = names.map((name) => {
        const row = measured.rows.find(({ method }) => method === (whole.has(name) ? 'all weights' : name))!;
        const trained = ofMethod(name)!;
        return {
          method: name,
          kernelDev: row.dev,
          kernelTest: row.test,
          alignment: row.targetAlignment,
          trainedDev: trained.dev!.headline,
          trainedTest: trained.test[trained.headlineSplit!]!.headline,
        };
      });
      finished.add({
        ...run,
        methods,
        headAlone: measured.headAlone,
        seconds: Math.round((performance.now() - started) / 1000),
      });
      console.error(
        `${run.task} ${run.seed}: ${methods.map((one) => `${one.method} ${one.kernelDev.toFixed(1)} / ${one.trainedTest.toFixed(1)}`).join(', ')}`,
      );
    }
  }
}

/** Methods of a grid that have a kernel of their own, as presets; those that train all weights. */
function methodsOf({ config }: StoredGrid) {
  const given = config.methods.map((entry) => (typeof entry === 'string' ? { name: entry, method: undefined } : entry));
  const presets = given.flatMap(({ name, method }) =>
    method ? [{ name, method, kind: 'trained' as const, summary: 'of the grid' }] : [],
  );
  const catalogue = createCatalogue([{ name: 'grid', presets }]);
  const typesOf = (name: string): string[] => {
    const description = catalogue.presets.get(name)?.method;
    const flat = (one: NonNullable<typeof description>): string[] => [one.type, ...(one.parts ?? []).flatMap(flat)];
    return description ? flat(description) : [];
  };
  const names = given
    .map(({ name }) => name)
    .filter((name) => {
      const types = typesOf(name);
      return types.length > 1 && !types.includes('SUBSPACE');
    });
  return { catalogue, names, whole: new Set(names.filter((name) => typesOf(name).includes('FULL'))) };
}
