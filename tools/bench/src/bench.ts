// Training steps side by side, as ratios: `npm run bench` and, with torch and HF peft in the venv of `npm run parity`, `npm run bench:peers`.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minilmFiles } from '@tfjs-peft/minilm';
import { findPython } from '../../parity/find-python.js';
import { type Measured, measure, median } from './measure-workers.js';
import { formatProfile } from './profile-operations.js';
import { requireAgreement } from './require-agreement.js';
import { type BenchMethod, createBatch, startStepWorker, startWorker, type WorkerOptions } from './worker.js';
import { parseOptions } from '../../options/parse-options.js';

const { values: flags } = parseOptions({
  options: {
    peers: { type: 'boolean', default: false },
    python: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    steps: { type: 'string', default: '4' },
    methods: { type: 'boolean', default: false },
    'wasm-rounds': { type: 'string', default: '2' },
    sift: { type: 'boolean', default: false },
    dropout: { type: 'boolean', default: false },
    gpu: { type: 'boolean', default: false },
    against: { type: 'string' },
    profile: { type: 'boolean', default: false },
    rows: { type: 'string', default: '16' },
    tokens: { type: 'string', default: '64' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench [-- --rounds 7 --steps 4 --wasm-rounds 2 --dropout --methods --sift --gpu --rows 16 --tokens 64] [--peers [--python path]]

MiniLM (6 layers, 384), batch 16, 64 tokens, prefix 16, AdamW, clipping: the step of plain prefix tuning, of its simplex, of the wasm
backend and, with --peers, of torch + HF peft; with --methods those of LoRA, IA3 and a composition; with --sift instead: SIFT of 1 % of the attention maps, BitFit, LoRA, the same maps with dense
gradients and full fine-tuning, with --peers also the original's way in torch (dense gradients of which k are kept);
with --gpu all on the CUDA device, tfjs-node-gpu and torch; with --against <folder> instead: prefix, its simplex and LoRA here against the
same in another checkout that has its packages installed, on tfjs-node and wasm; with --profile instead: where the time of a step on tfjs-node
goes, operation by operation; --only prefix,mlp-prefix-subspace names the methods of these two, --rows and --tokens the batch. Processes take turns, a round is a few steps of each; a ratio is taken within a round.`);
  process.exit(0);
}

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-bench-'));
const native = flags.gpu
  ? ({ backend: 'tensorflow-gpu', name: 'tfjs-node-gpu' } as const)
  : ({ backend: 'tensorflow', name: 'tfjs-node' } as const);
const [rows, tokens, prefixLength] = [Number(flags.rows), Number(flags.tokens), 16];
const batch = createBatch(rows, tokens);

const ours = (
  name: string,
  backend: WorkerOptions['backend'],
  method: WorkerOptions['method'],
  adapterFolder?: string,
  env: Record<string, string> = {},
) => {
  const options: WorkerOptions = { backend, method, prefixLength, batch, dropout: flags.dropout, adapterFolder };
  return startStepWorker(name, options, env);
};

const spread = (values: readonly number[], digits: number) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} – ${Math.max(...values).toFixed(digits)})`;

const comparedMethods = (flags.only?.split(',') ?? ['prefix', 'prefix-subspace', 'lora']) as BenchMethod[];

/** Where the time of each method's step goes. */
async function profileMethods(): Promise<void> {
  for (const method of comparedMethods) {
    const worker = await ours(method, 'tensorflow', method);
    await worker.run(2);
    const { profile } = await worker.run(Number(flags.steps) + 1, true);
    console.log(formatProfile(`${method}, ${rows} × ${tokens} tokens`, profile!));
    worker.stop();
  }
}

/** This checkout against another one, pair by pair. */
async function compareCheckouts(folder: string): Promise<void> {
  const script = resolve(folder, 'tools', 'bench', 'src', 'step-worker.ts');
  const backends = Number(flags['wasm-rounds']) > 0 ? (['tensorflow', 'wasm'] as const) : (['tensorflow'] as const);
  for (const backend of backends)
    for (const method of comparedMethods) {
      const options = { backend, method, prefixLength, batch, dropout: flags.dropout };
      const before = await startStepWorker(`${method}, ${backend}, there`, options, {}, script);
      const after = await startStepWorker(`${method}, ${backend}, here`, options);
      const rounds = Number(backend === 'wasm' ? flags['wasm-rounds'] : flags.rounds);
      printTable(await measure([before, after], rounds, Number(flags.steps)), before.name);
      before.stop();
      after.stop();
    }
}

function printTable(measured: readonly Measured[], reference: string): void {
  const base = measured.find(({ name }) => name === reference)!;
  const columns = [
    'step',
    'ms, median (range)',
    `ratio to ${reference}, median (range)`,
    'CPU time, ms',
    'ratio of CPU time',
    'peak memory, MB',
  ];
  console.log(`\n| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}`);
  for (const { name, rounds, cpu, peakMegabytes } of measured) {
    const ratios = rounds.map((value, round) => value / base.rounds[round]!);
    const cpuRatios = cpu.map((value, round) => value / base.cpu[round]!);
    const cells = [
      name,
      spread(rounds, 0),
      spread(ratios, 2),
      median(cpu).toFixed(0),
      spread(cpuRatios, 2),
      peakMegabytes.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

if (flags.profile) {
  await profileMethods();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}
if (flags.against !== undefined) {
  await compareCheckouts(flags.against);
  process.exit(0);
}

/** Sparse increments beside what they are measured against, in one run. */
async function compareSift(adapterFolder: string): Promise<void> {
  const start = (what: string, method: WorkerOptions['method'], ...rest: [string?]) =>
    ours(`${what}, ${native.name}`, native.backend, method, ...rest);
  const sift = await start('SIFT 1 %', 'sift', adapterFolder);
  const workers = [
    sift,
    await start('SIFT 1 %, simplex m = 2', 'sift-subspace'),
    await start('BitFit', 'bitfit'),
    await start('LoRA rank 8', 'lora'),
    await start('the same maps, dense gradients', 'dense'),
    await start('full fine-tuning', { preset: 'full' }),
  ];
  if (flags.peers) {
    const options = {
      method: 'sift',
      host: minilmFiles().directory,
      adapterFolder,
      batch,
      dropout: flags.dropout,
      threads: availableParallelism(),
      device: flags.gpu ? 'cuda' : 'cpu',
    };
    const torch = await startWorker('SIFT 1 % as the original, torch', findPython(flags.python, console.error), [
      join(here, '..', 'peers', 'step_worker.py'),
      JSON.stringify(options),
    ]);
    requireAgreement(sift, torch);
    workers.push(torch);
  }
  const measured = await measure(workers, Number(flags.rounds), Number(flags.steps));
  printTable(measured, sift.name);
  const full = median(measured.find(({ name }) => name.startsWith('full'))!.rounds);
  console.log(
    `\nselection: ${sift.preparation.toFixed(0)} ms, ${(sift.preparation / full).toFixed(2)} steps of full fine-tuning`,
  );
  workers.forEach((worker) => worker.stop());
}

if (flags.sift) {
  await compareSift(join(folder, 'adapter'));
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

try {
  const adapterFolder = join(folder, 'adapter');
  const onNative = (what: string, method: WorkerOptions['method'], ...rest: [string?, Record<string, string>?]) =>
    ours(`${what}, ${native.name}`, native.backend, method, ...rest);
  const plain = await onNative('prefix', 'prefix', adapterFolder);
  const workers = [plain, await onNative('prefix simplex m = 2', 'prefix-subspace')];
  // There are no fused kernels for the GPU.
  if (!flags.gpu)
    workers.push(
      await onNative('prefix without fused kernels', 'prefix', undefined, { TFJS_PEFT_KERNELS: 'portable' }),
    );
  if (flags.peers) {
    const options = {
      host: minilmFiles().directory,
      adapterFolder,
      batch,
      prefixLength,
      dropout: flags.dropout,
      threads: availableParallelism(),
      device: flags.gpu ? 'cuda' : 'cpu',
    };
    const torch = await startWorker('prefix, torch + HF peft', findPython(flags.python, console.error), [
      join(here, '..', 'peers', 'step_worker.py'),
      JSON.stringify(options),
    ]);
    console.log(requireAgreement(plain, torch));
    workers.push(torch);
  }
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}, dropout ${flags.dropout ? 'on' : 'off'}`,
  );
  printTable(
    await measure(workers, Number(flags.rounds), Number(flags.steps)),
    flags.peers ? 'prefix, torch + HF peft' : plain.name,
  );
  workers.slice(1).forEach((worker) => worker.stop());

  if (flags.methods) {
    const others = [
      await onNative('LoRA rank 8', 'lora'),
      await onNative('IA3', 'ia3'),
      await onNative('prefix + LoRA + IA3 + head', 'composed'),
    ];
    printTable(await measure([plain, ...others], Number(flags.rounds), Number(flags.steps)), plain.name);
    others.forEach((worker) => worker.stop());
  }
  if (Number(flags['wasm-rounds']) > 0) {
    const wasm = await ours('prefix, wasm', 'wasm', 'prefix');
    printTable(await measure([plain, wasm], Number(flags['wasm-rounds']), 2), plain.name);
    wasm.stop();
  }
  plain.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
