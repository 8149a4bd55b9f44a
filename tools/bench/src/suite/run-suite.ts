// All comparisons of docs/performance.md in turn: `npm run bench:suite`. Each that is finished is a line of the file of figures and is not run again.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spamSubjects } from '@tfjs-peft/glue-fewshot';
import { findPython } from '../../../parity/find-python.js';
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
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench:suite [-- --only 16x16,full --python <path> --figures <file.jsonl>]

Steps of this library and of torch + HF peft side by side, how they grow, and whole runs. What the file of figures has is not run again: delete lines
to measure anew. Wants the venv of \`npm run parity\` (made if absent), \`npm run setup:native\` and \`npm run build\`, and quiet cores. Then \`npm run docs:performance\`.`);
  process.exit(0);
}

const python = findPython(flags.python, console.error);
const finished = finishedRuns<{ readonly id: string }, Figures>(flags.figures, ({ id }) => id);
const wanted = new Set(flags.only?.split(',') ?? comparisons.map(({ id }) => id));
const left = new Set(finished.left(comparisons).map(({ id }) => id));
const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-bench-'));
const said = (command: string, args: readonly string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim();
const versions =
  'import torch, transformers, peft; print(torch.__version__, transformers.__version__, peft.__version__)';
const [torch, transformers, peft] = said(python, ['-c', versions]).split(' ');
try {
  const { train } = await spamSubjects.read({});
  const texts = train.slice(0, 100).map(({ texts: [text], label }) => ({ text, label }));
  writeFileSync(join(folder, 'rows.json'), JSON.stringify(texts));
  for (const comparison of comparisons.filter(({ id }) => wanted.has(id) && left.has(id))) {
    const { id, title, contenders, curve, rounds, steps } = comparison;
    process.stderr.write(`${id}: ${title}\n`);
    const workers = await startContenders(comparison, { python, folder });
    const measured = await measure(workers, rounds, steps);
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
