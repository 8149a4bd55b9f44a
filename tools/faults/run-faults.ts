// Breaks runs on purpose and looks at what is left: kills, a second writer, signals to the group, a full disk, closed pipes, a hung child.
// `npm run faults -- --kills 40 --seed 1`. Exit code 1 if anything was not as it must be.
import { rmSync } from 'node:fs';
import { prepare } from './prepare.js';
import {
  closedPipes,
  fullDisk,
  hungChild,
  killAndResume,
  type Outcome,
  runWhole,
  secondWriter,
  signalToGroup,
} from './scenarios.js';
import { parseOptions } from '../options/parse-options.js';

const { values } = parseOptions({
  options: {
    kills: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '120' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(`Breaks runs on purpose and looks at what is left.

  npm run faults                            all scenarios and 40 kills
  npm run faults -- --kills 10 --seed 7     fewer kills, at other moments
  npm run faults -- --steps 60              shorter runs
  npm run faults -- --keep                  leaves the folders for a look

Exit code 1 if anything was not as it must be.`);
  process.exit(0);
}
const say = (text: string) => console.log(text);
const prepared = await prepare({ steps: Number(values.steps), seeds: [13, 21] });
const faults = { ...prepared, ...(await runWhole(prepared)), say };
say(`an uninterrupted run takes ${faults.seconds.toFixed(1)} s and leaves ${faults.whole.size} files`);
const outcomes: Outcome[] = [];
for (const scenario of [
  () => secondWriter(faults),
  () => signalToGroup(faults, 'SIGTERM', 'kill'),
  () => signalToGroup(faults, 'SIGTERM', 'timeout'),
  () => signalToGroup(faults, 'SIGINT', 'kill'),
  () => fullDisk(faults),
  () => closedPipes(faults),
  () => hungChild(faults),
  () => killAndResume(faults, Number(values.kills), Number(values.seed)),
]) {
  const outcome = await scenario();
  outcomes.push(outcome);
  say(`${outcome.wrong.length === 0 ? 'ok   ' : 'WRONG'} ${outcome.name}: ${outcome.text}`);
  outcome.wrong.forEach((text) => say(`      ${text}`));
}
if (!values.keep) rmSync(prepared.root, { recursive: true, force: true });
process.exitCode = outcomes.some(({ wrong }) => wrong.length > 0) ? 1 : 0;
