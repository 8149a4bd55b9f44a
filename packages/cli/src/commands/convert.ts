import type { BackendChoice } from '@tfjs-peft/backend';
import { type AdapterForm, convertFolder } from '@tfjs-peft/eval';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { shortPath } from './execute-experiment.js';

export interface ConvertCommandOptions {
  readonly output: string;
  readonly to: AdapterForm;
  readonly name?: string;
  readonly backend: BackendChoice;
  readonly model?: string;
  readonly revision?: string;
  readonly labels?: readonly string[];
  readonly plugin?: readonly string[];
  readonly json?: boolean;
}

/** `tfjs-peft convert`. */
export async function convert(folder: string, options: ConvertCommandOptions, io: CliIo): Promise<number> {
  const converted = await convertFolder(folder, {
    output: options.output,
    to: options.to,
    backend: options.backend,
    ...(options.name !== undefined && { name: options.name }),
    ...(options.model !== undefined && { model: options.model }),
    ...(options.revision !== undefined && { revision: options.revision }),
    ...(options.labels && { labels: options.labels }),
    ...(options.plugin && { plugins: options.plugin }),
    onWarning: (text) => io.err(`warning: ${text}\n`),
  });
  const { from, to, files, differences } = converted;
  if (options.json) io.out(jsonLine(converted));
  else
    io.out(
      [
        `${shortPath(converted.folder)}  ${from} to ${to}: ${files.join(', ')}`,
        ...(differences.length === 0
          ? ['computes the same there']
          : differences.map((text) => `differs there: ${text}`)),
      ]
        .map((line) => `${line}\n`)
        .join(''),
    );
  return 0;
}
