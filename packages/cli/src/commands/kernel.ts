import { join } from 'node:path';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import {
  formatKernels,
  formatRanking,
  kernelReport,
  type KernelProgress,
  measureKernels,
  parseExperiment,
  prepareKernels,
  rankKernels,
} from '@tfjs-peft/eval';
import { createCatalogue, loadPlugins, resolvePlugins } from '@tfjs-peft/eval/methods';
import { writeFileAtomically } from '@tfjs-peft/eval/run-folder';
import { openSession } from '@tfjs-peft/eval/trial';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { CliIo } from '../cli-io.js';
import { experimentFromOptions, type RunOptions } from '../options/experiment-from-options.js';
import { experimentKeys } from '../options/known-keys.js';
import { formatTimeLeft } from '../progress/format-time-left.js';
import { jsonLine } from '../safe-output.js';
import { proveWritable, requireOwnRecord, writeRecord } from './analysis-folder.js';
import { taskPart } from './run-options.js';

export interface KernelOptions extends RunOptions {
  readonly backend: BackendChoice;
  readonly kind: 'sgd' | 'signgd' | 'asymmetric-signgd';
  readonly solver: 'least-squares' | 'logistic' | 'asymmetric-svm';
  readonly choose?: boolean;
  readonly full: boolean;
  readonly batchSize: number;
  readonly memory: number;
  readonly jobs: number;
  readonly output?: string;
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const defaultSeed = 13;
const defaultMethods = ['lora', 'prefix-flat', 'adapter', 'bitfit'];

/** `tfjs-peft kernel`: what the kernels of methods say of a task before any training, as a table, a ranking and a page. */
export async function kernel(options: KernelOptions, io: CliIo): Promise<number> {
  const { seed = defaultSeed, task = 'spam-subjects', methods = defaultMethods, quiet } = options;
  const catalogue = createCatalogue(await loadPlugins(options.plugin ?? [], process.cwd()));
  const config = parseExperiment(
    experimentFromOptions({ ...options, task, seed, methods, floors: false }, experimentKeys),
  );
  const backend = JSON.parse(JSON.stringify(await selectBackend({ backend: options.backend }))) as JsonObject;
  const folder = options.output ?? join('runs', `kernels-${taskPart(config)}`);
  await proveWritable(folder);
  const session = await openSession(config, {
    catalogue,
    backend,
    onEvent(event) {
      if (event.type === 'warning') io.err(`warning: ${event.text}\n`);
      else if (event.type === 'phase' && !quiet) io.err(`${event.text}\n`);
    },
  });
  const place = { folder, name: 'kernels.json', data: session.data };
  try {
    await requireOwnRecord(place);
    const started = performance.now();
    let shown = '';
    const onProgress = ({ method, ofAll }: KernelProgress) => {
      const percent = Math.floor(100 * ofAll);
      const left = ((performance.now() - started) / 1000) * (1 / Math.max(ofAll, 0.01) - 1);
      const line = `${method}: ${percent - (percent % 5)} % of all gradients`;
      if (line !== shown && !quiet) io.err(`${line}${ofAll < 1 ? `, ${formatTimeLeft(left)}` : ''}\n`);
      shown = line;
    };
    const measured = {
      dataSeed: seed,
      methods,
      kind: options.kind,
      solver: options.solver,
      full: options.full,
      cache: join(folder, 'kernels'),
      batchSize: options.batchSize,
      memoryLimit: options.memory * 2 ** 20,
    };
    if (options.jobs > 1) {
      const modules = await resolvePlugins(options.plugin ?? [], process.cwd());
      await prepareKernels({ config, modules, backend: options.backend, options: measured }, options.jobs, onProgress);
    }
    // With jobs all is in the cache by now.
    const measurement = await measureKernels({ ...measured, session, ...(options.jobs === 1 && { onProgress }) });
    await writeRecord(place, measurement);
    await writeFileAtomically(join(folder, 'kernels.html'), await kernelReport(measurement));
    const ranking = options.choose ? { ranking: rankKernels(measurement) } : {};
    io.out(
      options.json
        ? jsonLine({ ...measurement, ...ranking })
        : `${formatKernels(measurement)}\n\n${options.choose ? `${formatRanking(measurement)}\n\n` : ''}${join(folder, 'kernels.html')}\n`,
    );
  } finally {
    session.dispose();
  }
  return 0;
}
