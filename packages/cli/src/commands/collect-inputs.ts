import {
  isTableFile,
  type PlacedText,
  readFilePieces,
  readLines,
  readTableTexts,
  type TableOptions,
} from '@tfjs-peft/glue-fewshot';
import { PeftError } from '@tfjs-peft/peft-core';
import type { PredictorInput } from '@tfjs-peft/eval/classifier';
import type { CliIo } from '../cli-io.js';

/** Where texts come from, besides the arguments. */
export interface InputOptions extends TableOptions {
  readonly file?: string;
  readonly pair?: boolean;
  /** Columns of a table. */
  readonly textColumn?: string;
  readonly textPairColumn?: string;
}

/** What is to be classified, and where it stands in its file. */
export interface PlacedInput {
  readonly place?: PlacedText['place'];
  /** Null for a line or row without a text. */
  readonly text: PredictorInput | null;
}

/** The first results come at once; after that, texts are classified so many at a time, which is faster than a few. */
const firstBatch = 32;
const laterBatches = 512;

/**
 * Texts from the arguments, a table, a text file or standard input, in batches; those of a text as it is read. What can be known at once
 * is said at once: everything but faults in later lines. Errors: `USAGE`, and those of the readers.
 */
export async function collectInputs(
  texts: readonly string[],
  options: InputOptions,
  io: Pick<CliIo, 'input'>,
): Promise<AsyncIterable<readonly PlacedInput[]>> {
  const { file, pair = false } = options;
  refuseContradictions(texts, options);
  if (texts.length > 0) {
    const inputs: readonly PredictorInput[] = pair ? pairUp(texts) : texts;
    return batchesOf(from([inputs.map((text) => ({ text }))]));
  }
  if (file !== undefined && isTableFile(file)) return batchesOf(from([await tableInputs(file, options)]));
  const pieces = file === undefined ? io.input() : readFilePieces(file);
  if (pieces === null)
    throw new PeftError('USAGE', {
      found: 'no text to classify',
      fix: 'give texts as arguments, a --file with one a line, or pipe lines in',
    });
  return batchesOf(await started(lineInputs(pieces, file ?? 'standard input', options)));
}

async function tableInputs(file: string, options: InputOptions): Promise<PlacedInput[]> {
  const { textColumn, textPairColumn, pair = false } = options;
  if (textColumn === undefined || (pair && textPairColumn === undefined))
    throw new PeftError('USAGE', {
      found: `"${file}" is a table, and nothing says which column holds the ${textColumn === undefined ? 'text' : 'second text of a pair'}`,
      fix: `name it with ${textColumn === undefined ? '--text-column' : '--text-pair-column'}; if its first line holds no names, give them with --column-names`,
    });
  const rows = await readTableTexts(file, {
    ...options,
    textColumn,
    ...(textPairColumn !== undefined && { textPairColumn }),
  });
  return rows.map(({ place, texts }) => {
    const blank = texts.some((text) => text.trim() === '');
    return { place, text: blank ? null : texts.length === 2 ? [texts[0]!, texts[1]!] : texts[0]! };
  });
}

async function* lineInputs(
  pieces: AsyncIterable<Uint8Array>,
  source: string,
  { encoding, pair = false }: InputOptions,
): AsyncGenerator<readonly PlacedInput[]> {
  let found = false;
  for await (const lines of readLines(pieces, source, encoding)) {
    const inputs = lines.map(({ place, texts: [line] }) => ({
      place,
      text: line!.trim() === '' ? null : pair ? splitPair(line!, place) : line!,
    }));
    found ||= inputs.some(({ text }) => text !== null);
    yield inputs;
  }
  if (!found) throw new PeftError('USAGE', { found: `${source} holds no text`, fix: 'write one text a line' });
}

/** Waits for the first values, so that faults in them come before a model is loaded. */
async function started<T>(generator: AsyncGenerator<T>): Promise<AsyncIterable<T>> {
  const first = await generator.next();
  return (async function* () {
    if (first.done) return;
    yield first.value;
    yield* generator;
  })();
}

async function* batchesOf(groups: AsyncIterable<readonly PlacedInput[]>): AsyncGenerator<readonly PlacedInput[]> {
  let size = firstBatch;
  for await (const group of groups)
    for (let start = 0; start < group.length;) {
      yield group.slice(start, start + size);
      start += size;
      size = laterBatches;
    }
}

async function* from<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* await Promise.resolve(values);
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

function splitPair(line: string, place: PlacedText['place']): [string, string] {
  const parts = line.split('\t');
  if (parts.length === 2) return [parts[0]!, parts[1]!];
  throw new PeftError('USAGE', {
    found: `${showPlace(place)} has ${parts.length} column${parts.length === 1 ? '' : 's'}`,
    expected: 'two texts separated by a tab, because of --pair',
  });
}

/** `line 12`, or `row 3`. */
export const showPlace = (place: PlacedText['place']): string =>
  'line' in place ? `line ${place.line}` : `row ${place.row}`;

function refuseContradictions(texts: readonly string[], options: InputOptions): void {
  const { file } = options;
  const refuse = (found: string, fix: string) => {
    throw new PeftError('USAGE', { found, fix });
  };
  if (texts.length > 0 && file !== undefined) refuse('both texts and --file', 'keep one of them');
  if (texts.length > 0 && options.encoding !== undefined)
    refuse('--encoding with texts as arguments', 'leave it out: it is that of a file');
  const ofTables = {
    '--text-column': options.textColumn,
    '--text-pair-column': options.textPairColumn,
    '--column-names': options.columnNames,
    '--delimiter': options.delimiter,
    '--quoted-tsv': options.quotedTsv,
  };
  const [given] = Object.entries(ofTables).find(([, value]) => value !== undefined) ?? [];
  if (given !== undefined && (file === undefined || !isTableFile(file)))
    refuse(
      `${given} without a table`,
      'give a --file that ends in .csv, .tsv, .jsonl or .parquet; other files hold one text a line',
    );
}
