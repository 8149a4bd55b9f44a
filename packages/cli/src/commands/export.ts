import { basename, dirname } from 'node:path';
import { type DeployedFolder, exportFolder } from '@tfjs-peft/eval';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { shortPath } from './execute-experiment.js';
import { type DeployCommandOptions, deployOptions, describeDeployed } from './merge.js';

export interface ExportOptions extends DeployCommandOptions {
  readonly format: 'onnx';
}

/** `tfjs-peft export`. */
export async function exportModel(folder: string, options: ExportOptions, io: CliIo): Promise<number> {
  if (/--/.test(basename(options.output)))
    io.err(
      'warning: by its name alone transformers.js 4 does not find a folder with "--" in it; open it by its path, as shown below\n',
    );
  const exported = await exportFolder(folder, deployOptions(options, io));
  if (options.json) io.out(jsonLine(exported));
  else
    io.out(
      [...describeDeployed(exported), ...notes(exported), '', ...usage(exported)].map((line) => `${line}\n`).join(''),
    );
  return 0;
}

const notes = ({ difference, labels }: DeployedFolder): string[] => [
  ...(difference === null ? ['not run here: install onnxruntime-node to have the result compared'] : []),
  ...(labels.length === 1
    ? [
        'the score is the logit itself: read it with AutoModelForSequenceClassification, since a pipeline makes probabilities of it',
      ]
    : []),
];

/** How both lines of transformers.js open the folder. */
function usage({ folder }: DeployedFolder): string[] {
  const path = shortPath(folder);
  const above = dirname(path);
  return [
    '@huggingface/transformers 4:',
    `  await pipeline('text-classification', ${quote(path.startsWith('/') || path.startsWith('.') ? path : `./${path}`)}, { dtype: 'fp32' })`,
    '@xenova/transformers 2:',
    `  env.localModelPath = ${quote(above)}`,
    `  await pipeline('text-classification', ${quote(basename(path))}, { quantized: false })`,
  ];
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
