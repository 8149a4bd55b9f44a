import { sha256 } from '@noble/hashes/sha2.js';
import type { LabelledText } from './task.js';

/** sha256, in hex, of the texts, labels and references of named lists of rows. Every list and row is delimited, so no two contents collide by joining. */
export function hashTexts(lists: readonly (readonly [name: string, rows: readonly LabelledText[]])[]): string {
  const hash = sha256.create();
  const encoder = new TextEncoder();
  for (const [name, rows] of lists) {
    hash.update(encoder.encode(`${JSON.stringify([name, rows.length])}\n`));
    for (const { texts, label, references } of rows)
      hash.update(encoder.encode(`${JSON.stringify(references ? [texts, label, references] : [texts, label])}\n`));
  }
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
