import { readFile } from 'node:fs/promises';
import type { BackendChoice } from '@tfjs-peft/backend';
import { openPredictor, type Prediction, printable, type PredictorInput } from '@tfjs-peft/eval';
import { PeftError } from '@tfjs-peft/peft-core';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';

export interface PredictOptions {
  readonly backend: BackendChoice;
  readonly file?: string;
  readonly pair?: boolean;
  readonly model?: string;
  readonly labels?: readonly string[];
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `tfjs-peft predict`. */
export async function predict(
  folder: string,
  texts: readonly string[],
  options: PredictOptions,
  io: CliIo,
): Promise<number> {
  const inputs = await collectInputs(texts, options, io);
  const predictor = await openPredictor(folder, {
    backend: options.backend,
    ...(options.model !== undefined && { model: options.model }),
    ...(options.labels && { labels: options.labels }),
    ...(options.plugin && { plugins: options.plugin }),
    onWarning: (text) => io.err(`warning: ${text}\n`),
  });
  try {
    const predictions = await predictor.predict(inputs);
    io.out(options.json ? jsonLine(predictions) : formatPredictions(predictions));
    return 0;
  } finally {
    predictor.dispose();
  }
}

/** Texts from the arguments, a file, or standard input. Errors: `USAGE`, `FILE_UNREADABLE`. */
export async function collectInputs(
  texts: readonly string[],
  { file, pair = false }: Pick<PredictOptions, 'file' | 'pair'>,
  io: Pick<CliIo, 'readInput'>,
): Promise<PredictorInput[]> {
  if (texts.length > 0 && file !== undefined)
    throw new PeftError('USAGE', { found: 'both texts and --file', fix: 'keep one of them' });
  if (texts.length > 0) return pair ? pairUp(texts) : [...texts];
  const content = file === undefined ? await io.readInput() : await readTextFile(file);
  if (content === null)
    throw new PeftError('USAGE', {
      found: 'no text to classify',
      fix: 'give texts as arguments, a --file with one a line, or pipe lines in',
    });
  const lines = content.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0)
    throw new PeftError('USAGE', { found: `${file === undefined ? 'standard input' : `"${file}"`} holds no text` });
  return pair ? lines.map(splitPair) : lines;
}

function pairUp(texts: readonly string[]): [string, string][] {
  if (texts.length % 2 !== 0)
    throw new PeftError('USAGE', {
      found: `${texts.length} texts with --pair`,
      expected: 'two for each pair',
      fix: 'put quotes around each text',
    });
  return texts.flatMap((text, index): [string, string][] => (index % 2 === 0 ? [[text, texts[index + 1]!]] : []));
}

function splitPair(line: string, index: number): [string, string] {
  const parts = line.split('\t');
  if (parts.length === 2) return [parts[0]!, parts[1]!];
  throw new PeftError('USAGE', {
    found: `line ${index + 1} has ${parts.length} column${parts.length === 1 ? '' : 's'}`,
    expected: 'two texts separated by a tab, because of --pair',
  });
}

async function readTextFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PeftError('FILE_UNREADABLE', {
      found: `cannot read "${path}"`,
      expected: 'a text file with one text a line',
      fix: 'check the path given as --file',
      cause,
    });
  });
}

/** Columns label, probability, text. */
export function formatPredictions(predictions: readonly Prediction[]): string {
  const labels = predictions.map(({ label }) => printable(label));
  const width = Math.max(...labels.map((label) => label.length));
  return predictions
    .map(({ text, probability, score }, index) => {
      const certainty = score === undefined ? `${probability.toFixed(3)}  ` : '';
      const shown = typeof text === 'string' ? text : text.join('\t');
      return `${labels[index]!.padEnd(width)}  ${certainty}${shown.split('\t').map(printable).join('\t')}\n`;
    })
    .join('');
}
