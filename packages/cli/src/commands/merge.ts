import { type DeployedFolder, type DeployOptions, mergeFolder } from '@tfjs-peft/eval';
import { formatBytes } from '@tfjs-peft/eval/report';
import type { CliIo } from '../cli-io.js';
import { type AdapterOptions, openOptions } from '../options/adapter-options.js';
import { jsonLine } from '../safe-output.js';
import { shellCommand, shortPath } from './execute-experiment.js';

/** Options of the commands that write a model. */
export interface DeployCommandOptions extends AdapterOptions {
  readonly output: string;
  readonly dtype: 'f32' | 'f16';
  readonly maxTokens?: number;
}

/** `tfjs-peft merge`. */
export async function merge(folder: string, options: DeployCommandOptions, io: CliIo): Promise<number> {
  const merged = await mergeFolder(folder, deployOptions(options, io));
  const isCausal = merged.labels.length === 0;
  if (options.json) io.out(jsonLine(merged));
  else
    io.out(
      [
        ...describeDeployed(merged),
        '',
        'In Python:',
        `  ${isCausal ? 'AutoModelForCausalLM' : 'AutoModelForSequenceClassification'}.from_pretrained("${shortPath(merged.folder)}")`,
        'Here:',
        `  ${shellCommand([isCausal ? 'generate' : 'predict', shortPath(merged.folder), 'a text'])}`,
      ]
        .map((line) => `${line}\n`)
        .join(''),
    );
  return 0;
}

export const deployOptions = (options: DeployCommandOptions, io: CliIo): DeployOptions => ({
  output: options.output,
  dtype: options.dtype,
  ...openOptions(options),
  ...(options.maxTokens !== undefined && { maxTokens: options.maxTokens }),
  onWarning: (text) => io.err(`warning: ${text}\n`),
});

/** What was written and how far it is from its origin. */
export const describeDeployed = ({ folder, bytes, dtype, maxTokens, difference, largestLogit }: DeployedFolder) => [
  `${shortPath(folder)}  ${formatBytes(bytes)}, ${dtype.toUpperCase()}`,
  ...(maxTokens === undefined ? [] : [`texts are cut at ${maxTokens} tokens`]),
  ...(difference === null || largestLogit === null
    ? []
    : [`read again: logits up to ${largestLogit.toFixed(1)} differ by at most ${difference.toExponential(1)}`]),
];
