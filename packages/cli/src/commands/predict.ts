import { openPredictor } from '@tfjs-peft/eval';
import type { Prediction } from '@tfjs-peft/eval/classifier';
import { printable } from '@tfjs-peft/peft-core/authoring';
import type { CliIo } from '../cli-io.js';
import { type AdapterOptions, openOptions } from '../options/adapter-options.js';
import { errorDocument, exitCodeOf, isDebug, reportError } from '../report-error.js';
import { jsonLine } from '../safe-output.js';
import { collectInputs, type InputOptions, type PlacedInput, showPlace } from './collect-inputs.js';

export interface PredictOptions extends InputOptions, AdapterOptions {
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly maxTokens?: number;
}

/** `tfjs-peft predict`: results are printed as they come, so that any number of lines needs the memory of a few hundred. */
export async function predict(
  folder: string,
  texts: readonly string[],
  options: PredictOptions,
  io: CliIo,
): Promise<number> {
  const inputs = await collectInputs(texts, options, io);
  const predictor = await openPredictor(folder, {
    ...openOptions(options),
    ...(options.maxTokens !== undefined && { maxTokens: options.maxTokens }),
    onWarning: (text) => io.err(`warning: ${text}\n`),
  });
  const printer = (options.json ? jsonPrinter : textPrinter)(io, predictor.labels);
  const blank = { count: 0, places: [] as string[] };
  try {
    for await (const pairs of predictor.predictEach(inputs, ({ text }) => text)) {
      for (const [{ place }, prediction] of pairs) {
        if (prediction) continue;
        blank.count += 1;
        if (place && blank.places.length < 5) blank.places.push(showPlace(place));
      }
      printer.print(pairs);
    }
    printer.end();
  } catch (error) {
    if (!printer.fail(error)) throw error;
    reportError(error, io, { debug: isDebug(options.debug ?? false, io), json: false });
    return exitCodeOf(error);
  } finally {
    predictor.dispose();
  }
  if (blank.count > 0)
    io.err(
      `warning: no text in ${blank.places.join(', ')}${blank.count > blank.places.length ? ` and ${blank.count - blank.places.length} more` : ''}; ${options.json ? 'left out' : 'an empty line each'}\n`,
    );
  return 0;
}

type Pairs = readonly (readonly [PlacedInput, Prediction | null])[];
interface Printer {
  readonly print: (pairs: Pairs) => void;
  readonly end: () => void;
  /** Ends a document that was begun with the error; false where there is none. */
  readonly fail: (error: unknown) => boolean;
}

/** One list, a prediction a line, each with the line or row it belongs to; after an error in a later text its last entry is that error. */
function jsonPrinter(io: CliIo): Printer {
  let lead = '[';
  return {
    print(pairs) {
      const lines = pairs.flatMap(([{ place }, prediction]) => {
        if (!prediction) return [];
        const line = `${lead}${jsonLine({ ...place, ...prediction }).trimEnd()}`;
        lead = ',\n';
        return [line];
      });
      if (lines.length > 0) io.out(lines.join(''));
    },
    end: () => io.out(lead === '[' ? '[]\n' : ']\n'),
    fail(error) {
      if (lead === '[') return false;
      io.out(`${lead}${jsonLine(errorDocument(error)).trimEnd()}]\n`);
      return true;
    },
  };
}

/** One line for each line of the input. A regression has one label, which is not printed. */
function textPrinter(io: CliIo, labels: readonly string[]): Printer {
  const width = labels.length === 1 ? scoreWidth : widest(labels);
  return {
    print(pairs) {
      io.out(pairs.map(([, prediction]) => (prediction ? formatPredictions([prediction], width) : '\n')).join(''));
    },
    end: () => undefined,
    fail: () => false,
  };
}

/** Width of a score of four digits, such as `-0.0001234`. */
const scoreWidth = 10;

const widest = (labels: readonly string[]): number =>
  labels.reduce((width, label) => Math.max(width, printable(label).length), 0);

/** Columns label, probability, text; the first one as wide as the widest label if nothing else is said. */
export const formatPredictions = (
  predictions: readonly Prediction[],
  width = widest(predictions.map(({ label }) => label)),
): string =>
  predictions
    .map(({ text, label, probability, score }) => {
      const certainty = score === undefined ? `${probability.toFixed(3)}  ` : '';
      const shown = typeof text === 'string' ? text : text.join('\t');
      return `${printable(label).padEnd(width)}  ${certainty}${shown.split('\t').map(printable).join('\t')}\n`;
    })
    .join('');
