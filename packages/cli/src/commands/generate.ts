import { openSpeaker, type SpokenText } from '@tfjs-peft/eval';
import { readLines } from '@tfjs-peft/glue-fewshot';
import { PeftError } from '@tfjs-peft/peft-core';
import { printable } from '@tfjs-peft/peft-core/authoring';
import type { CliIo } from '../cli-io.js';
import { type AdapterOptions, openOptions } from '../options/adapter-options.js';
import { jsonLine } from '../safe-output.js';

export interface GenerateOptions extends AdapterOptions {
  readonly maxNewTokens: number;
  readonly sample?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly beams?: number;
  readonly lengthPenalty?: number;
  readonly noRepeatNgram?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** Of standard input. */
  readonly encoding?: string;
}

/** `tfjs-peft generate`: the text of one prompt is printed as it comes. */
export async function generateTexts(
  source: string,
  prompts: readonly string[],
  options: GenerateOptions,
  io: CliIo,
): Promise<number> {
  refuseUnused(options, prompts);
  const texts = prompts.length > 0 ? prompts : await readPrompts(io, options.encoding);
  const speaker = await openSpeaker(source, {
    ...openOptions(options),
    onWarning: (text) => io.err(`warning: ${text}\n`),
  });
  const stop = new AbortController();
  const unlisten = io.onStop(() => stop.abort(new PeftError('INTERRUPTED', { found: 'the command was stopped' })));
  const streams = texts.length === 1 && !options.json && options.beams === undefined;
  let shown = 0;
  try {
    const found = await speaker.speak(texts, {
      settings: settingsOf(options),
      stopWords: options.stop ?? [],
      seed: options.seed ?? 0,
      signal: stop.signal,
      ...(streams && {
        onText({ text }) {
          // A character of several tokens shows once it is whole.
          if (text.endsWith('\uFFFD') || text.length < shown) return;
          io.out(shownText(text.slice(shown)));
          shown = text.length;
        },
      }),
    });
    if (options.json) io.out(jsonLine(found));
    else if (streams) io.out(`${shownText(found[0]!.text.slice(shown))}\n`);
    else io.out(found.map(formatText).join('\n'));
    return 0;
  } finally {
    unlisten();
    speaker.dispose();
  }
}

/** Options of what was not asked for. Errors: `USAGE`. */
function refuseUnused({ sample, beams, ...options }: GenerateOptions, prompts: readonly string[]): void {
  const refuse = (found: string, expected: string) => {
    throw new PeftError('USAGE', { found, expected, fix: 'tfjs-peft generate --help says which options go together' });
  };
  if (options.encoding !== undefined && prompts.length > 0)
    refuse('--encoding with prompts as arguments', 'it is that of standard input');
  if (sample && beams !== undefined) refuse('--sample and --beams', 'one of the two');
  const ofSample = { temperature: '--temperature', topK: '--top-k', topP: '--top-p', seed: '--seed' } as const;
  for (const [key, flag] of Object.entries(ofSample))
    if (!sample && options[key as keyof typeof ofSample] !== undefined)
      refuse(`${flag} without --sample`, 'both or neither');
  if (beams === undefined && options.lengthPenalty !== undefined)
    refuse('--length-penalty without --beams', 'both or neither');
}

const settingsOf = (options: GenerateOptions) => ({
  maxNewTokens: options.maxNewTokens,
  strategy:
    options.beams !== undefined ? ('beam' as const) : options.sample ? ('sample' as const) : ('greedy' as const),
  ...(options.temperature !== undefined && { temperature: options.temperature }),
  ...(options.topK !== undefined && { topK: options.topK }),
  ...(options.topP !== undefined && { topP: options.topP }),
  ...(options.beams !== undefined && { beams: options.beams }),
  ...(options.lengthPenalty !== undefined && { lengthPenalty: options.lengthPenalty }),
  ...(options.noRepeatNgram !== undefined && { noRepeatNgram: options.noRepeatNgram }),
});

/** Lines stay lines; anything else that could steer a terminal is shown as a code. */
const shownText = (text: string): string => text.split('\n').map(printable).join('\n');

const formatText = ({ prompt, text }: SpokenText): string => `${shownText(prompt)}${shownText(text)}\n`;

/** Prompts from standard input, one a line. Errors: `USAGE`, and those of `readLines` for bytes of another encoding. */
async function readPrompts(io: CliIo, encoding: string | undefined): Promise<string[]> {
  const pieces = io.input();
  const prompts: string[] = [];
  if (pieces)
    for await (const lines of readLines(pieces, 'standard input', encoding))
      prompts.push(...lines.map(({ texts }) => texts[0]!).filter((line) => line.trim() !== ''));
  if (prompts.length > 0) return prompts;
  throw new PeftError('USAGE', {
    found: 'no prompt',
    expected: 'prompts as arguments, or on standard input, one a line',
    fix: 'tfjs-peft generate ./model "Once upon a time"',
  });
}
