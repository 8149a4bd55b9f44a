import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fuzz, type ReaderReport } from './src/fuzz.js';
import { readers } from './src/readers/index.js';
import { parseOptions } from '../options/parse-options.js';

const usage = `Reads inputs changed at random with every reader of files from strangers. Each must be refused with a typed error or give a right value, in
bounded time and memory.

  npm run fuzz -- --seconds 600             all readers, the same time for each
  npm run fuzz -- --inputs 1000             instead of a time: so many inputs a reader
  npm run fuzz -- --reader parquet --seed 7 one reader (may be given several times), another seed; the seed is 1 unless given
  npm run fuzz -- --jobs 2                  worker processes; as many as there are cores unless given
  npm run fuzz -- --output fuzz-findings    where failing inputs go
  npm run fuzz -- --list                    names the readers

The same seed and reader always give the same inputs. Exit code 0 if nothing was found, 1 if something was, 2 for a wrong call.
`;

const pad = (cells: readonly (string | number)[]) =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(22) : String(cell).padStart(11))).join('');

const row = ({ reader, inputs, errors, values, slowestMs, hangs, findings, gaveUp }: ReaderReport) => {
  const escapes = findings.filter(({ first }) => first.kind !== 'hang').reduce((sum, { count }) => sum + count, 0);
  return pad([reader, inputs, errors, values, slowestMs.toFixed(0), hangs, escapes]) + (gaveUp ? '  given up' : '');
};

async function main(): Promise<number> {
  const { values } = parseOptions({
    options: {
      seconds: { type: 'string' },
      inputs: { type: 'string' },
      reader: { type: 'string', multiple: true },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      output: { type: 'string', default: 'fuzz-findings' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const known = readers.map(({ name }) => name);
  const names = values.reader ?? known;
  const [seconds, inputs, seed, jobs] = [values.seconds, values.inputs, values.seed, values.jobs].map((text) =>
    text === undefined ? undefined : Number(text),
  );
  const unknown = names.filter((name) => !known.includes(name));
  const wrong =
    [seconds, inputs, jobs].some((number) => number !== undefined && !(number > 0)) || !Number.isSafeInteger(seed);
  if (values.help || unknown.length > 0 || wrong) {
    process.stdout.write(usage);
    if (unknown.length > 0) process.stderr.write(`No reader ${unknown.join(', ')}.\n`);
    return values.help ? 0 : 2;
  }
  if (values.list) {
    process.stdout.write(`${known.join('\n')}\n`);
    return 0;
  }
  mkdirSync(values.output, { recursive: true });
  process.stdout.write(`${pad(['reader', 'inputs', 'errors', 'values', 'slowest ms', 'hangs', 'findings'])}\n`);
  const reports = await fuzz({
    readers: names,
    seed: seed!,
    jobs: Math.min(jobs!, names.length),
    ...(inputs === undefined ? { seconds: seconds ?? 60 } : { inputs }),
    folder: values.output,
    onReader(report) {
      process.stdout.write(`${row(report)}\n`);
      for (const { first, count } of report.findings.slice(0, 20))
        process.stdout.write(`    ${count} x ${first.signature} (first: input ${first.index})\n`);
    },
  });
  const sum = (count: (report: ReaderReport) => number) => reports.reduce((total, report) => total + count(report), 0);
  const found = sum(({ findings }) => findings.length);
  process.stdout.write(
    `${sum(({ inputs: count }) => count)} inputs: ${sum(({ errors }) => errors)} typed errors, ${sum(({ values: count }) => count)} right values, ` +
      `${found} different findings${found > 0 ? `, in ${values.output}` : ''}\n`,
  );
  return found > 0 ? 1 : 0;
}

process.exitCode = await main();
