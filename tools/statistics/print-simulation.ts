import { parseOptions } from '../options/parse-options.js';
import { judge, simulate } from './simulate.js';

const HELP = `Simulates experiments whose truth is known: do intervals cover it, do tests find what is not there?

  npm run simulate                2,000 experiments of each kind
  npm run simulate -- --runs 500`;

const { values: flags } = parseOptions({
  options: { help: { type: 'boolean', default: false }, runs: { type: 'string', default: '2000' } },
});
if (flags.help) console.log(HELP);
else
  for (const result of simulate(Number(flags.runs)))
    console.log(
      `${judge(result).padEnd(4)} ${(100 * result.share).toFixed(1).padStart(5)} % (${100 * result.nominal} %)  ${result.kind}: ${result.what}`,
    );
