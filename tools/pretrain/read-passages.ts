import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { PeftError } from '@tfjs-peft/peft-core';

/** The texts of a file with a `{"text"}` a line, at most `count`. Errors: `DATA_ROW_MALFORMED` with the line's number. */
export async function readPassages(file: string, count = Infinity): Promise<string[]> {
  const texts: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (texts.length >= count) break;
    texts.push(textOf(line, `${file}, line ${texts.length + 1}`));
  }
  return texts;
}

function textOf(line: string, place: string): string {
  try {
    const { text } = JSON.parse(line) as { readonly text?: unknown };
    if (typeof text === 'string') return text;
  } catch {
    // Said below.
  }
  throw new PeftError('DATA_ROW_MALFORMED', {
    found: `${place}: no JSON object with a text`,
    expected: '{"text": "…"}',
  });
}
