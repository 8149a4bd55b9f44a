import { join } from 'node:path';
import { formatLandscape, landscapeReport, measureLandscape } from '@tfjs-peft/eval';
import { writeFileAtomically } from '@tfjs-peft/eval/run-folder';
import { type JsonObject, readableJson } from '@tfjs-peft/peft-core/files';
import type { CliIo } from '../cli-io.js';
import { type AdapterOptions, openOptions } from '../options/adapter-options.js';
import { reportProgress } from '../progress/report-progress.js';
import { jsonLine } from '../safe-output.js';
import { proveWritable } from './analysis-folder.js';

export interface LandscapeCommandOptions extends AdapterOptions {
  readonly data?: string;
  readonly task?: string;
  readonly testCap?: number;
  readonly radii?: readonly string[];
  readonly noiseDraws?: number;
  readonly seed?: number;
  readonly output?: string;
  readonly quiet?: boolean;
}

/** `tfjs-peft landscape`: metric and loss over the simplex of an adapter and around it, as tables and a page. */
export async function landscape(folder: string, options: LandscapeCommandOptions, io: CliIo): Promise<number> {
  const { data, task, testCap, radii, noiseDraws, seed, output = folder } = options;
  // A folder that is not there is perhaps a typing error: nothing is made of it.
  await proveWritable(output);
  const progress = await reportProgress(io, { quiet: options.quiet ?? false });
  try {
    const measured = await measureLandscape(folder, {
      ...openOptions(options),
      ...(task !== undefined && { task }),
      ...(radii && { radii: radii.map(Number) }),
      ...(noiseDraws !== undefined && { noiseDraws }),
      ...(seed !== undefined && { seed }),
      data: { ...(data !== undefined && { directory: data }), ...(testCap !== undefined && { testCap }) },
      onEvent: progress.onEvent,
      onWarning: (text) => progress.line(`warning: ${text}`),
    });
    progress.stop();
    const page = join(output, 'landscape.html');
    await writeFileAtomically(join(output, 'landscape.json'), readableJson(measured as unknown as JsonObject));
    await writeFileAtomically(page, await landscapeReport(measured));
    io.out(options.json ? jsonLine(measured) : `${formatLandscape(measured)}\n\n${page}\n`);
    return 0;
  } finally {
    progress.stop();
  }
}
