import { PeftError } from '@tfjs-peft/peft-core';
import type { XzReadableStream } from 'xz-decompress';
import { dataLimits } from './data-limits.js';
import { messageOf } from './table.js';

/** The library is CommonJS: loaders differ in whether its names are exports or properties of the default one. */
interface Loaded {
  readonly XzReadableStream?: typeof XzReadableStream;
  readonly default?: { readonly XzReadableStream: typeof XzReadableStream };
}

/** The contents of a file packed with xz. Errors: `TASK_FILE_UNREADABLE`, `TASK_FILE_TOO_LARGE` for contents beyond the limit of a table. */
export async function unpackXz(packed: Uint8Array, file: string): Promise<Uint8Array> {
  const loaded: Loaded = await import('xz-decompress');
  const Unpacked = loaded.XzReadableStream ?? loaded.default!.XzReadableStream;
  const reader = new Unpacked(new Blob([packed as Uint8Array<ArrayBuffer>]).stream()).getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(pieces, length);
      pieces.push(value.slice());
      length += value.length;
      if (length > dataLimits.tableBytes) break;
    }
  } catch (cause) {
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: ${messageOf(cause)}`,
      expected: 'a file packed with xz, as its name says',
      fix: 'fetch it again, or unpack it with another tool',
      cause,
    });
  }
  await reader.cancel().catch(() => undefined);
  throw new PeftError('TASK_FILE_TOO_LARGE', {
    found: `${file}: more than ${dataLimits.tableBytes} bytes once it is unpacked`,
    expected: `at most ${dataLimits.tableBytes}`,
    fix: 'few-shot learning needs few rows: keep some thousands of them',
  });
}
