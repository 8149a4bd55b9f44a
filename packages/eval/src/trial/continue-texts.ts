import type { Adapter } from '@tfjs-peft/peft-core';
import {
  type Continuation,
  type DecoderHost,
  generate,
  type GenerationInput,
  type Tokenizer,
} from '@tfjs-peft/transformer';

/** How prompts are continued. */
export interface ContinueOptions {
  readonly settings?: GenerationInput;
  readonly seed?: number;
  /** A text ends before the first of these. */
  readonly stopWords?: readonly string[];
  /** Told about the text of a prompt so far, as it comes, less an end that may become a stop word; not by beam search. */
  readonly onText?: (event: { readonly prompt: number; readonly text: string }) => void;
  readonly signal?: AbortSignal;
}

/** What follows a prompt. */
export interface ContinuedText {
  readonly text: string;
  readonly tokens: number;
  readonly reason: Continuation['reason'];
  /** Of beam search. */
  readonly score?: number;
}

/** Texts after prompts of token ids, all in one batch. Errors: those of `generate`. */
export async function continueTexts(
  {
    host,
    method,
    effective,
    tokenizer,
  }: Pick<Adapter, 'method' | 'effective'> & {
    readonly host: DecoderHost;
    readonly tokenizer: Tokenizer;
  },
  prompts: readonly (readonly number[])[],
  { settings, seed, stopWords = [], onText, signal }: ContinueOptions = {},
): Promise<ContinuedText[]> {
  // The text of a prompt and its continuation, less the prompt's: tokenizers may treat the first token of a text in a way of its own.
  const starts = prompts.map((prompt) => tokenizer.decode(prompt));
  const textOf = (generated: readonly number[], prompt: number) => {
    const whole = tokenizer.decode([...prompts[prompt]!, ...generated]);
    const start = starts[prompt]!;
    return whole.startsWith(start) ? whole.slice(start.length) : tokenizer.decode(generated);
  };
  const stopAt = (text: string) =>
    stopWords.reduce((first, word) => {
      const place = text.indexOf(word);
      return place >= 0 && place < first ? place : first;
    }, Infinity);
  /** Without an end that may become a stop word. */
  const certain = (text: string) => {
    const open = stopWords.flatMap((word) =>
      Array.from({ length: Math.min(word.length - 1, text.length) }, (_, at) => at + 1).filter((length) =>
        text.endsWith(word.slice(0, length)),
      ),
    );
    return text.slice(0, text.length - Math.max(0, ...open));
  };
  const soFar = prompts.map((): number[] => []);
  const found = await generate({
    host,
    method,
    effective,
    prompts,
    ...(settings && { settings }),
    ...(seed !== undefined && { seed }),
    ...(signal && { signal }),
    ...(stopWords.length > 0 && {
      isComplete: (generated, prompt) => stopAt(textOf(generated, prompt)) < Infinity,
    }),
    ...(onText && {
      onToken({ prompt, token }) {
        soFar[prompt]!.push(token);
        const text = textOf(soFar[prompt]!, prompt);
        onText({ prompt, text: stopAt(text) < Infinity ? text.slice(0, stopAt(text)) : certain(text) });
      },
    }),
  });
  return found.map(({ ids, reason, score }, prompt) => {
    const text = textOf(ids, prompt);
    return {
      text: text.slice(0, stopAt(text)),
      tokens: ids.length,
      reason,
      ...(score !== undefined && { score }),
    };
  });
}
