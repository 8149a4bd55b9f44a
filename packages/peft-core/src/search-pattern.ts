import { bounds } from './bounds.js';
import { compileProgram, createLooks, type Step } from './compile-pattern.js';
import { parsePattern } from './parse-pattern.js';
import { createPatternWork, type PatternWork } from './pattern-work.js';

/** Where a pattern was found in a text, in UTF-16 units; `end` is the first unit after it. */
export interface PatternMatch {
  readonly start: number;
  readonly end: number;
}

/**
 * All matches of a Unicode expression in a text, one after the other, as `text.matchAll(new RegExp(pattern, 'gu'))` finds them but for empty ones, in time that is
 * the length of the text times that of the pattern: for expressions of tokenizers, which come from strangers and meet every text. What
 * failed once at a place fails there again, so that no step is tried twice at one place between two matches.
 * Errors: `TARGET_PATTERN_INVALID`, `TARGET_PATTERN_TOO_LARGE`.
 */
export function compileSearch(pattern: string): (text: string) => PatternMatch[] {
  const program = compileProgram(parsePattern(pattern, { unicode: true }), pattern, bounds.searchSteps);
  return (text) => search(program, Array.from(text), createPatternWork('expressions', Infinity));
}

function search(program: readonly Step[], text: readonly string[], work: PatternWork): PatternMatch[] {
  const looks = createLooks(text, work);
  /** One set of steps a place, made when the place is reached. */
  const failed = new Array<Uint8Array | undefined>(text.length + 1).fill(undefined);
  const matchAt = (start: number): number | undefined => {
    const waiting: [step: number, position: number][] = [[0, start]];
    for (let state = waiting.pop(); state; state = waiting.pop()) {
      const [index, position] = state;
      const seen = (failed[position] ??= new Uint8Array(program.length));
      if (seen[index] === 1) continue;
      seen[index] = 1;
      const step = program[index]!;
      switch (step.kind) {
        case 'end':
          return position;
        case 'jump':
          for (let i = step.targets.length - 1; i >= 0; i--) waiting.push([step.targets[i]!, position]);
          break;
        case 'character':
          if (position < text.length && step.test(text[position]!)) waiting.push([index + 1, position + 1]);
          break;
        case 'assert':
          if (step.test(text, position)) waiting.push([index + 1, position]);
          break;
        case 'look':
          if (looks(step.program)[position] === (step.negative ? 0 : 1)) waiting.push([index + 1, position]);
          break;
      }
    }
    return undefined;
  };
  const units = [0];
  for (const character of text) units.push(units.at(-1)! + character.length);
  const matches: PatternMatch[] = [];
  for (let start = 0; start <= text.length;) {
    const end = matchAt(start);
    if (end === undefined) {
      failed[start] = undefined;
      start++;
      continue;
    }
    if (end > start) matches.push({ start: units[start]!, end: units[end]! });
    // What was tried there did not fail but won.
    for (let place = start; place <= end; place++) failed[place] = undefined;
    start = end > start ? end : start + 1;
  }
  return matches;
}
