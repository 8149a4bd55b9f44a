// Everything that wants a GPU, in one go and within a limit of time: `npm run gpu`. Puts in tfjs-node-gpu, compares it with HF transformers and
// wasm, measures training steps, and writes one JSON file after each part, so that a run that is cut off leaves what it has.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minilmFiles } from '@tfjs-peft/minilm';
import { type Measured, measure } from '../bench/src/measure-workers.js';
import { lossOf } from '../bench/src/require-agreement.js';
import { type BenchMethod, createBatch, startStepWorker, startWorker, type Worker } from '../bench/src/worker.js';
import { parseOptions } from '../options/parse-options.js';

const { values: flags } = parseOptions({
  options: {
    rehearse: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '8' },
    output: { type: 'string', default: 'runs/gpu.json' },
    python: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  process.stdout.write(`npm run gpu [-- --minutes 8 --output runs/gpu.json --python /path/to/python]

Sets up tfjs-node-gpu with CUDA, checks parity, measures steps of prefix, its simplex and LoRA for several batches, and writes one JSON file.
With --python (torch with CUDA and HF peft in it) also the prefix step of torch. What the time does not reach is listed under "leftOut".
--rehearse does the same on the CPU with small sizes, to try the script where there is no GPU.

Examples:
  npm run gpu -- --output gpu.json
  npm run gpu -- --rehearse --minutes 3

Exit codes: 0 done, 1 the set-up failed or a difference is too large, 2 wrong options.
`);
  process.exit(0);
}
const limit = Number(flags.minutes) * 60;
if (!(limit > 0)) {
  process.stderr.write(`error: --minutes ${flags.minutes} is no number above 0 (--help shows the options)\n`);
  process.exit(2);
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const backend = flags.rehearse ? 'tensorflow' : 'tensorflow-gpu';
const rehearsed = { batches: [[4, 8]], rounds: 2, steps: 2 };
const { batches, rounds, steps } = flags.rehearse
  ? rehearsed
  : { batches: [...[16, 64, 128].map((tokens) => [16, tokens]), [32, 128]], rounds: 5, steps: 10 };
const methods: readonly BenchMethod[] = ['prefix', 'prefix-subspace', 'lora'];

const secondsLeft = () => limit - performance.now() / 1000;
const say = (text: string) => process.stderr.write(`[${Math.round(performance.now() / 1000)} s] ${text}\n`);

interface ProgramResult {
  readonly code: number | null;
  readonly output: string;
}

/** A program with what is left of the time; what it says on standard error is shown, what it prints is returned. */
const runProgram = (program: string, args: readonly string[]): Promise<ProgramResult> =>
  new Promise((done) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill(), Math.max(1, secondsLeft()) * 1000);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, output });
    });
  });
const fromSources = (script: string, ...args: string[]) =>
  runProgram(process.execPath, ['--conditions=@tfjs-peft/source', '--import', 'tsx', script, ...args]);

interface StepsOfBatch {
  readonly rows: number;
  readonly tokens: number;
  /** First losses by name: the same where the same is computed. */
  readonly losses: Readonly<Record<string, number>>;
  readonly measured: readonly Measured[];
}

const report = {
  rehearsal: flags.rehearse,
  backend,
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version, gpu: null as string | null },
  setup: null as { readonly seconds: number; readonly code: number | null; readonly output: string } | null,
  parity: null as unknown,
  steps: [] as StepsOfBatch[],
  leftOut: [] as string[],
  seconds: 0,
};
function write(): void {
  const path = resolve(flags.output);
  mkdirSync(dirname(path), { recursive: true });
  report.seconds = Math.round(performance.now() / 1000);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}

async function setUp(): Promise<boolean> {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const gpu = await runProgram('nvidia-smi', query);
  report.machine.gpu = gpu.code === 0 ? gpu.output.trim() : null;
  say(report.machine.gpu ?? 'no NVIDIA device');
  const script = join(root, 'packages/setup-native/src/main.ts');
  const started = performance.now();
  const { code, output } = await fromSources(script, flags.rehearse ? '--check' : '--cuda');
  report.setup = { seconds: (performance.now() - started) / 1000, code, output: output.trim() };
  say(output.trim());
  return code === 0;
}

async function checkParity(): Promise<boolean> {
  const { code, output } = await fromSources(join(root, 'tools/parity/compare-backend.ts'), backend, '--json');
  say(output.trim());
  const last = output.trim().split('\n').at(-1) ?? '';
  report.parity = last.startsWith('[') ? JSON.parse(last) : null;
  return code === 0;
}

async function measureSteps(rows: number, tokens: number): Promise<void> {
  const common = { prefixLength: 16, dropout: false, batch: createBatch(rows, tokens) };
  const adapterFolder = join(tmpdir(), `tfjs-peft-gpu-${process.pid}`);
  const workers: Worker[] = [];
  try {
    for (const method of methods)
      workers.push(
        await startStepWorker(method, {
          ...common,
          backend,
          method,
          adapterFolder: method === 'prefix' ? adapterFolder : undefined,
        }),
      );
    if (flags.python !== undefined) {
      const device = flags.rehearse ? 'cpu' : 'cuda';
      const peer = { ...common, host: minilmFiles().directory, adapterFolder, threads: availableParallelism(), device };
      const script = join(root, 'tools/bench/peers/step_worker.py');
      workers.push(await startWorker('prefix, torch + HF peft', flags.python, [script, JSON.stringify(peer)]));
    }
    const losses = Object.fromEntries(workers.map((worker) => [worker.name, lossOf(worker)]));
    report.steps.push({ rows, tokens, losses, measured: await measure(workers, rounds, steps) });
  } finally {
    workers.forEach((worker) => worker.stop());
  }
}

// A process that hangs does not take what was measured with it.
setTimeout(
  () => {
    report.leftOut.push('what had not ended a minute after the limit');
    write();
    process.exit(1);
  },
  (limit + 60) * 1000,
).unref();

let ok = await setUp();
write();
if (ok) {
  ok = await checkParity();
  write();
  let longest = 0;
  for (const [rows, tokens] of batches as [number, number][]) {
    const name = `steps of ${rows} rows of ${tokens} tokens`;
    if (secondsLeft() < longest) {
      report.leftOut.push(name);
      continue;
    }
    const started = performance.now();
    say(name);
    try {
      await measureSteps(rows, tokens);
    } catch (error) {
      report.leftOut.push(`${name}: ${(error as Error).message}`);
      ok = false;
    }
    longest = Math.max(longest, (performance.now() - started) / 1000);
    write();
  }
}
write();
say(
  `${ok ? 'done' : 'not all is well'}: ${resolve(flags.output)}${report.leftOut.length > 0 ? `; left out: ${report.leftOut.join(', ')}` : ''}`,
);
process.exitCode = ok ? 0 : 1;
