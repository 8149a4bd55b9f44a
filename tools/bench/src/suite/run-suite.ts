// All comparisons of docs/performance.md in turn: `npm run bench:suite`. Each that is finished is a line of the file of figures and is not run again.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spamSubjects } from '@tfjs-peft/glue-fewshot';
import { findPython, NoPython } from '../../../parity/find-python.js';
import { findSmolLM2, NoSmolLM2 } from '../../../parity/find-smollm2.js';
import { finishedRuns } from '../../../options/finished-runs.js';
import { parseOptions } from '../../../options/parse-options.js';
import { measure } from '../measure-workers.js';
import { comparisons } from './comparisons.js';
import { startContenders } from './contenders.js';
import { type Figures, figuresFile } from './figures.js';

const { values: flags } = parseOptions({
  options: {
    only: { type: 'string' },
    python: { type: 'string' },
    figures: { type: 'string', default: fileURLToPath(figuresFile) },
    rounds: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench:suite [-- --only 16x16,full --python <path> --figures <file.jsonl> --rounds 1]

Steps of this library and of torch + HF peft side by side, how they grow, and whole runs. What the file of figures has is not run again: delete lines
to measure anew. Wants the venv of \`npm run parity\` (made if absent), SmolLM2-135M (tools/parity/make_smollm2.py), \`npm run setup:native\` and \`npm run
build\`, and quiet cores; --rounds 1 is a first look. Then \`npm run docs:performance\`.`);
  process.exit(0);
}

const finished = finishedRuns<{ readonly id: string }, Figures>(flags.figures, ({ id }) => id);
const wanted = new Set(flags.only?.split(',') ?? comparisons.map(({ id }) => id));
const unfinished = new Set(finished.left(comparisons).map(({ id }) => id));
const left = comparisons.filter(({ id }) => wanted.has(id) && unfinished.has(id));
const python = orLine(() => findPython(flags.python, console.error));
if (left.some(({ host }) => host === 'smollm2-135m')) orLine(() => findSmolLM2(python));
const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-bench-'));
const said = (command: string, args: readonly string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim();
const versions =
  'import torch, transformers, peft; print(torch.__version__, transformers.__version__, peft.__version__)';
const [torch, transformers, peft] = said(python, ['-c', versions]).split(' ');
try {
  const { train } = await spamSubjects.read({});
  const texts = train.slice(0, 100).map(({ texts: [text], label }) => ({ text, label }));
  writeFileSync(join(folder, 'rows.json'), JSON.stringify(texts));
  for (const comparison of left) {
    const { id, title, contenders, curve, rounds, steps } = comparison;
    process.stderr.write(`${id}: ${title}\n`);
    const workers = await startContenders(comparison, { python, folder });
    const measured = await measure(workers, Number(flags.rounds ?? rounds), steps);
    workers.forEach((worker) => worker.stop());
    finished.add({
      ...{ id, title, curve, steps },
      results: contenders.map((one, index) => {
        const { name: _, ...times } = measured[index]!;
        return { ...one, ...times };
      }),
      machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores`,
      software: `Node ${process.version}; torch ${torch}, transformers ${transformers}, peft ${peft}`,
      commit: said('git', ['rev-parse', '--short', 'HEAD']),
      date: new Date().toISOString().slice(0, 10),
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What is not here is one line, which says what to do. */
function orLine<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof NoPython || error instanceof NoSmolLM2)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(2);
  }
}
