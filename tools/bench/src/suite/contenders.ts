import { execFile, execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { minilmFiles } from '@tfjs-peft/minilm';
import { createBatch, startStepWorker, startWorker, type Worker, type WorkerAnswer } from '../worker.js';
import type { Comparison, Contender, HostShape } from './comparisons.js';

/** What whole-run.ts and whole_run.py take. */
export interface WholeRun {
  /** A JSON file of texts with labels 0 and 1. */
  readonly rows: string;
  readonly host: string;
  /** Where the adapter goes. */
  readonly output: string;
  readonly steps: number;
}

/** What contenders need besides themselves. */
export interface Surroundings {
  readonly python: string;
  /** For hosts, adapters and rows; removed afterwards. */
  readonly folder: string;
}

const script = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export const nameOf = ({ side, method, vertices, draws, prefixLength }: Contender): string =>
  [
    `${method}, ${side}`,
    ...(vertices === undefined ? [] : [`m = ${vertices}`]),
    ...(prefixLength === undefined ? [] : [`length ${prefixLength}`]),
    ...(draws === undefined ? [] : [`${draws} draws`]),
  ].join(', ');

/** Starts the processes of a comparison; those of torch take the first parameters of ours and must give the same first loss. */
export async function startContenders(comparison: Comparison, around: Surroundings): Promise<Worker[]> {
  const { contenders, rows, tokens, wholeRun } = comparison;
  if (wholeRun) return contenders.map(({ side }) => wholeRunOf(side === 'torch', around, wholeRun));
  const host = comparison.host ? randomHost(comparison.host, around) : minilmFiles().directory;
  const batch = createBatch(rows, tokens);
  const adapterOf = (method: string) => join(around.folder, `adapter-${comparison.id}-${method}`);
  const started = new Map<Contender, Worker>();
  const isTorch = ({ side }: Contender) => side.startsWith('torch');
  for (const one of contenders.filter((one) => !isTorch(one))) {
    const { method, vertices, draws, dropout = false, prefixLength = 16 } = one;
    const backend = one.side === 'wasm' ? 'wasm' : 'tensorflow';
    const shared = contenders.some((other) => isTorch(other) && other.method === method);
    const adapterFolder = shared ? adapterOf(method) : undefined;
    const options = { backend, method, vertices, draws, dropout, prefixLength, host, batch, adapterFolder } as const;
    started.set(one, await startStepWorker(nameOf(one), options));
  }
  for (const one of contenders.filter(isTorch)) {
    const { method, dropout = false, prefixLength = 16 } = one;
    const options = {
      ...{ method, host, batch, prefixLength, dropout, adapterFolder: adapterOf(method) },
      ...{ threads: availableParallelism(), device: 'cpu', compile: one.side === 'torch.compile' },
    };
    const path = script('../../peers/step_worker.py');
    const worker = await startWorker(nameOf(one), around.python, [path, JSON.stringify(options)]);
    started.set(one, worker);
    const ours = started.get(contenders.find((other) => !isTorch(other) && other.method === method)!)!;
    if (!(Math.abs(worker.loss - ours.loss) < 1e-4))
      throw new Error(`${comparison.id}: first losses differ, ${ours.loss} here and ${worker.loss} in torch`);
  }
  return contenders.map((one) => started.get(one)!);
}

/** A whole run a "step": a process of its own. */
function wholeRunOf(torch: boolean, { python, folder }: Surroundings, steps: number): Worker {
  const options: WholeRun = {
    rows: join(folder, 'rows.json'),
    host: minilmFiles().directory,
    output: join(folder, torch ? 'of-torch' : 'ours'),
    steps,
  };
  // Ours as users have it: the built packages. tsx compiles this one file.
  const [command, ...args] = torch
    ? [python, script('../../peers/whole_run.py')]
    : [process.execPath, '--import', 'tsx', script('whole-run.ts')];
  const measured = async (): Promise<WorkerAnswer> => {
    const start = performance.now();
    const { stdout } = await promisify(execFile)(command!, [...args, JSON.stringify(options)], { encoding: 'utf8' });
    const milliseconds = [performance.now() - start];
    return { milliseconds, ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as Omit<WorkerAnswer, 'milliseconds'>) };
  };
  return { name: torch ? 'torch + HF peft' : 'tfjs-node', loss: NaN, preparation: 0, run: measured, stop() {} };
}

function randomHost(shape: HostShape, { python, folder }: Surroundings): string {
  const path = join(folder, `host-${shape.num_hidden_layers}-${shape.hidden_size}`);
  execFileSync(python, [script('../../peers/random_host.py'), JSON.stringify(shape), path, minilmFiles().directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return path;
}
