import { join } from 'node:path';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { analyseGradients, formatGradients, gradientReport, parseExperiment } from '@tfjs-peft/eval';
import { writeFileAtomically } from '@tfjs-peft/eval/run-folder';
import { createCatalogue, loadPlugins } from '@tfjs-peft/eval/methods';
import { openSession } from '@tfjs-peft/eval/trial';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { CliIo } from '../cli-io.js';
import { experimentFromOptions, type RunOptions } from '../options/experiment-from-options.js';
import { experimentKeys } from '../options/known-keys.js';
import { jsonLine } from '../safe-output.js';
import { proveWritable, requireOwnRecord, writeRecord } from './analysis-folder.js';
import { taskPart } from './run-options.js';

export interface AnalyseOptions extends RunOptions {
  readonly backend: BackendChoice;
  readonly batches: number;
  readonly batchSize: number;
  readonly output?: string;
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const defaultSeed = 13;

/** `tfjs-peft analyse gradients`: how few entries of each weight carry the gradient of a task, as a table and a page. */
export async function analyse(options: AnalyseOptions, io: CliIo): Promise<number> {
  const { seed = defaultSeed, task = 'spam-subjects' } = options;
  const catalogue = createCatalogue(await loadPlugins(options.plugin ?? [], process.cwd()));
  const wanted = experimentFromOptions({ ...options, task, seed, methods: ['head'], floors: false }, experimentKeys);
  const config = parseExperiment(wanted);
  const backend = JSON.parse(JSON.stringify(await selectBackend({ backend: options.backend }))) as JsonObject;
  const folder = options.output ?? join('runs', `gradients-${taskPart(config)}`);
  await proveWritable(folder);
  const session = await openSession(config, {
    catalogue,
    backend,
    onEvent(event) {
      if (event.type === 'warning') io.err(`warning: ${event.text}\n`);
      else if (event.type === 'phase' && !options.quiet) io.err(`${event.text}\n`);
    },
  });
  const place = { folder, name: 'gradients.json', data: session.data };
  try {
    await requireOwnRecord(place);
    const { batches, batchSize } = options;
    const analysis = await analyseGradients({ session, dataSeed: seed, batches, batchSize });
    await writeRecord(place, analysis);
    await writeFileAtomically(join(folder, 'gradients.html'), await gradientReport(analysis));
    io.out(options.json ? jsonLine(analysis) : `${formatGradients(analysis)}\n\n${join(folder, 'gradients.html')}\n`);
  } finally {
    session.dispose();
  }
  return 0;
}
