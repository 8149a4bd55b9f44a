import type { Adapter } from '@tfjs-peft/peft-core';
import type { LabelledText } from '@tfjs-peft/glue-fewshot';
import { requireDecoder } from '@tfjs-peft/transformer';
import { continueTexts } from './continue-texts.js';
import { generationOf, promptsOf, type TextSession } from './text-examples.js';

/** How rows are answered. */
export interface WriteTextsOptions {
  /** Prompts that are continued at a time (default 8). */
  readonly batchSize?: number | undefined;
  /** Told after each batch: rows that are answered, of all. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an adapter writes after the prompts of rows. Errors: `TEXT_LIMIT_TOO_SMALL`, those of generation. */
export async function writeTexts(
  session: TextSession,
  rows: readonly LabelledText[],
  { method, effective }: Pick<Adapter, 'method' | 'effective'>,
  { batchSize = 8, onProgress, signal }: WriteTextsOptions = {},
): Promise<string[]> {
  const prompts = promptsOf(session, rows);
  // Prompts of about one length need little padding.
  const order = prompts.map((_, index) => index).sort((a, b) => prompts[a]!.length - prompts[b]!.length);
  const texts = prompts.map(() => '');
  for (let start = 0; start < order.length; start += batchSize) {
    signal?.throwIfAborted();
    const batch = order.slice(start, start + batchSize);
    const found = await continueTexts(
      { host: requireDecoder(session.host), method, effective, tokenizer: session.tokenizer },
      batch.map((index) => prompts[index]!),
      {
        settings: generationOf(session),
        stopWords: session.data.stop,
        ...(signal && { signal }),
      },
    );
    found.forEach(({ text }, at) => {
      texts[batch[at]!] = text.trim();
    });
    onProgress?.({ done: Math.min(order.length, start + batchSize), total: order.length });
  }
  return texts;
}
