import { execFile, execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { minilmFiles } from '@tfjs-peft/minilm';
import { findSmolLM2 } from '../../../parity/find-smollm2.js';
import { plainSteps } from '../meta-updates.js';
import { requireAgreement } from '../require-agreement.js';
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

export const nameOf = ({
  side,
  method,
  vertices,
  draws,
  prefixLength,
  newTokens,
  timed,
  episodes,
}: Contender): string =>
  [
    `${method}, ${side}`,
    ...(vertices === undefined ? [] : [`m = ${vertices}`]),
    ...(prefixLength === undefined ? [] : [`length ${prefixLength}`]),
    ...(draws === undefined ? [] : [`${draws} draws`]),
    ...(timed ? [`tokens ${timed[0] + 1} – ${timed[1]}`] : newTokens === undefined ? [] : [`${newTokens} tokens`]),
    ...(episodes === undefined ? [] : [episodes === 'fomaml' ? 'FOMAML' : `${plainSteps} plain steps`]),
  ].join(', ');

/** Starts the processes of a comparison; those of torch take the first parameters of ours and must give the same first loss. */
export async function startContenders(comparison: Comparison, around: Surroundings): Promise<Worker[]> {
  const { contenders, rows, tokens, wholeRun } = comparison;
  if (wholeRun) return contenders.map(({ side }) => wholeRunOf(side === 'torch', around, wholeRun));
  const host = hostOf(comparison, around);
  const batch = createBatch(rows, tokens);
  const adapterOf = (method: string) => join(around.folder, `adapter-${comparison.id}-${method}`);
  const started = new Map<Contender, Worker>();
  const isTorch = ({ side }: Contender) => side.startsWith('torch');
  for (const one of contenders.filter((one) => !isTorch(one))) {
    const { method, dropout = false, prefixLength = 16, side: _side, against: _against, ...work } = one;
    const backend = one.side === 'wasm' ? 'wasm' : 'tensorflow';
    const shared = contenders.some((other) => isTorch(other) && other.method === method);
    const adapterFolder = shared ? adapterOf(method) : undefined;
    const options = { ...work, backend, method, dropout, prefixLength, host, batch, adapterFolder } as const;
    started.set(one, await startStepWorker(nameOf(one), options));
  }
  for (const one of contenders.filter(isTorch)) {
    const { method, dropout = false, prefixLength = 16, newTokens, timed } = one;
    const options = {
      ...{ method, newTokens, timed, host, batch, prefixLength, dropout, adapterFolder: adapterOf(method) },
      ...{ threads: availableParallelism(), device: 'cpu', compile: one.side === 'torch.compile' },
    };
    const path = script('../../peers/step_worker.py');
    const worker = await startWorker(nameOf(one), around.python, [path, JSON.stringify(options)]);
    started.set(one, worker);
    const ours = started.get(contenders.find((other) => !isTorch(other) && other.method === method)!)!;
    process.stderr.write(`${requireAgreement(ours, worker)}\n`);
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
  return {
    name: torch ? 'torch + HF peft' : 'tfjs-node',
    first: { loss: NaN },
    preparation: 0,
    run: measured,
    stop() {},
  };
}

const hostOf = ({ host }: Comparison, around: Surroundings): string =>
  host === undefined
    ? minilmFiles().directory
    : host === 'smollm2-135m'
      ? findSmolLM2(around.python)
      : randomHost(host, around);

function randomHost(shape: HostShape, { python, folder }: Surroundings): string {
  const path = join(folder, `host-${shape.num_hidden_layers}-${shape.hidden_size}`);
  execFileSync(python, [script('../../peers/random_host.py'), JSON.stringify(shape), path, minilmFiles().directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return path;
}
