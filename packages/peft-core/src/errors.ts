import { printable, shorten } from './safe-text.js';

/** What a {@link PeftError} says: what was found, what was expected instead, what to do about it. */
export interface PeftErrorText {
  readonly found: string;
  readonly expected?: string;
  readonly fix?: string;
  readonly cause?: unknown;
}

/**
 * The one error type of the project. `code` is stable (`SCREAMING_SNAKE_CASE`) and safe to branch on; the message is for people.
 * Bugs are ordinary errors: whoever catches a PeftError may show its message without a stack trace. Parts of it come from files: each is
 * one printable line of bounded length.
 */
export class PeftError extends Error {
  override readonly name = 'PeftError';

  readonly text: PeftErrorText;

  constructor(
    readonly code: string,
    given: PeftErrorText,
  ) {
    const show = (part: string | undefined) => part && printable(shorten(part));
    const { expected, fix } = given;
    const text = {
      ...given,
      found: show(given.found)!,
      ...(expected && { expected: show(expected)! }),
      ...(fix && { fix: show(fix)! }),
    };
    const sentences = [text.found, text.expected && `Expected: ${text.expected}`, text.fix && `To fix: ${text.fix}`];
    super(
      sentences
        .filter(Boolean)
        .map((sentence) => String(sentence).replace(/[.?!]?$/, (end) => end || '.'))
        .join(' '),
      { cause: text.cause },
    );
    this.text = text;
  }
}

/** True for a PeftError, also one that another copy of this package threw. */
export const isPeftError = (error: unknown): error is PeftError =>
  error instanceof Error && error.name === 'PeftError' && 'code' in error;

/** The entries of `known` closest to `wanted`, best first, for "did you mean" hints. */
export function nearMisses(wanted: string, known: Iterable<string>, limit = 3): string[] {
  const farthest = Math.max(2, Math.floor(wanted.length / 2));
  const measure = (candidate: string) => {
    // The distance is at least the difference of the lengths: names of any length from a file cost nothing.
    const hopeless = Math.abs(candidate.length - wanted.length) > farthest;
    const distance = hopeless ? Infinity : editDistance(wanted.toLowerCase(), candidate.toLowerCase());
    const contains = candidate.includes(wanted) || wanted.includes(candidate);
    return { candidate, distance, close: distance <= farthest || contains };
  };
  return [...known]
    .map(measure)
    .filter(({ close }) => close)
    .sort((a, b) => a.distance - b.distance || a.candidate.length - b.candidate.length)
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, substitution));
    }
    row = next;
  }
  return row[b.length]!;
}
