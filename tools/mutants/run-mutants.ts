import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyMutant, type Mutant } from './mutant.js';
import { mutants } from './mutants.js';
import { parseOptions } from '../options/parse-options.js';

const usage = `Puts one deliberate fault after the other into a copy of the repository and runs the suites that must notice it.

  npm run mutants                 all faults (${mutants.length}), some seconds each
  npm run mutants -- prefix       those whose text, file or suites contain "prefix"
  npm run mutants -- --list       only list them

Exit code 0 if every fault was caught, 1 if one was not, 2 for a wrong call.
`;

const root = fileURLToPath(new URL('../../', import.meta.url));
const hasFusedKernels = existsSync(join(root, 'node_modules/@tensorflow/tfjs-node/deps/tfjs-peft-kernels.cjs'));
const children = new Set<ChildProcess>();

/** A copy of the sources whose `@tfjs-peft` packages are the copied ones; everything else that is installed is shared. */
function copyRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'tfjs-peft-mutants-'));
  const skipped = /(^|\/)(node_modules|dist|runs|\.git|\.nx|\.cache)(\/|$)/;
  for (const name of readdirSync(root))
    if (!skipped.test(name))
      cpSync(join(root, name), join(copy, name), {
        recursive: true,
        filter: (path) => !skipped.test(path.slice(root.length)),
      });
  mkdirSync(join(copy, 'node_modules', '@tfjs-peft'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@tfjs-peft') symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  for (const name of readdirSync(join(copy, 'packages')))
    symlinkSync(join(copy, 'packages', name), join(copy, 'node_modules', '@tfjs-peft', name));
  return copy;
}

/** Milliseconds after which suites count as hanging: choose a fault that ends. */
const patience = 600_000;

type Suites = Pick<Mutant, 'suites' | 'backend'>;

interface SuiteResult {
  /** `broken`: a suite could not even be loaded, which proves nothing. */
  readonly outcome: 'passed' | 'failed' | 'broken';
  /** The first test that failed, or why there was none. */
  readonly detail: string;
}

function runSuites(folder: string, { suites, backend }: Suites): Promise<SuiteResult> {
  const [projects = '', ...patterns] = suites.split(' ');
  const jest = join('node_modules', 'jest', 'bin', 'jest.js');
  const child = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      jest,
      '--bail',
      '--selectProjects',
      ...projects.split(','),
      '--',
      ...patterns,
    ],
    {
      cwd: folder,
      env: { ...process.env, ...(backend && { TFJS_PEFT_TEST_BACKEND: backend }) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: patience,
      killSignal: 'SIGKILL',
    },
  );
  children.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve) =>
    child.on('close', (code, signal) => {
      children.delete(child);
      if (signal === 'SIGKILL')
        return resolve({ outcome: 'broken', detail: `it did not end in ${patience / 60_000} minutes` });
      const first = /● (?!Console)(.+)/.exec(output)?.[1];
      const failed = first === undefined || first.includes('Test suite failed to run') ? 'broken' : 'failed';
      return resolve({
        outcome: code === 0 ? 'passed' : failed,
        detail: first ?? output.trim().split('\n').slice(-3).join(' | '),
      });
    }),
  );
}

async function main(): Promise<number> {
  const { values, positionals } = parseOptions({
    allowPositionals: true,
    options: { list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return say(usage);
  const asked = mutants.filter((mutant) =>
    positionals.every((word) => `${mutant.fault} ${mutant.file} ${mutant.suites}`.includes(word)),
  );
  const chosen = asked.filter(({ backend }) => backend === undefined || hasFusedKernels);
  if (chosen.length < asked.length)
    say(`Left out ${asked.length - chosen.length} faults of what the fused kernels do (npm run setup:native).\n`);
  if (asked.length === 0) {
    process.stderr.write(`No fault contains ${positionals.join(' and ')}. Try --list.\n`);
    return 2;
  }
  if (values.list) return say(`${chosen.map(({ fault, file }) => `${fault}  (${file})`).join('\n')}\n`);

  const folder = copyRepository();
  const stop = () => {
    for (const child of children) child.kill();
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  };
  process.once('SIGINT', stop);
  try {
    const survivors = [...(await checkSuites(folder, chosen)), ...(await checkMutants(folder, chosen))];
    say(`${chosen.length} faults, ${survivors.length === 0 ? 'all caught' : `not caught: ${survivors.join('; ')}`}\n`);
    return survivors.length === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', stop);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The suites must pass without a fault, or nothing that follows means anything. */
async function checkSuites(folder: string, chosen: readonly Mutant[]): Promise<string[]> {
  const failing: string[] = [];
  const different = new Map(chosen.map((mutant) => [`${mutant.suites} ${mutant.backend}`, mutant]));
  for (const mutant of different.values()) {
    const { outcome, detail } = await runSuites(folder, mutant);
    if (outcome !== 'passed') failing.push(`${mutant.suites} fails without any fault (${detail})`);
  }
  return failing;
}

async function checkMutants(folder: string, chosen: readonly Mutant[]): Promise<string[]> {
  const survivors: string[] = [];
  const start = Date.now();
  for (const [index, mutant] of chosen.entries()) {
    const path = join(folder, mutant.file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(path, applyMutant(source, mutant));
    const { outcome, detail } = await runSuites(folder, mutant);
    const failed = outcome === 'failed';
    writeFileSync(path, source);
    if (!failed) survivors.push(mutant.fault);
    const left = Math.round((((Date.now() - start) / (index + 1)) * (chosen.length - index - 1)) / 1000);
    say(
      `${failed ? 'caught    ' : 'NOT CAUGHT'} ${mutant.fault}${outcome === 'passed' ? '' : `: ${detail}`} (${left} s left)\n`,
    );
  }
  return survivors;
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

process.exitCode = await main();
