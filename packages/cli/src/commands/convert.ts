import { type AdapterForm, convertFolder } from '@tfjs-peft/eval';
import type { CliIo } from '../cli-io.js';
import { type AdapterOptions, openOptions } from '../options/adapter-options.js';
import { jsonLine } from '../safe-output.js';
import { shortPath } from './execute-experiment.js';

export interface ConvertCommandOptions extends AdapterOptions {
  readonly output: string;
  readonly to: AdapterForm;
  readonly name?: string;
}

/** `tfjs-peft convert`. */
export async function convert(folder: string, options: ConvertCommandOptions, io: CliIo): Promise<number> {
  const converted = await convertFolder(folder, {
    output: options.output,
    to: options.to,
    ...openOptions(options),
    ...(options.name !== undefined && { name: options.name }),
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
