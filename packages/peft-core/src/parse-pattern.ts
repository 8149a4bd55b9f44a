import { PeftError } from './errors.js';

export type PatternNode =
  | { readonly kind: 'character'; readonly test: (character: string) => boolean }
  | { readonly kind: 'assert'; readonly test: (text: string, position: number) => boolean }
  | { readonly kind: 'sequence' | 'alternatives'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly part: PatternNode; readonly least: number; readonly most: number }
  | { readonly kind: 'look'; readonly part: PatternNode; readonly negative: boolean };

const maxDepth = 32;
const groupStart = /^\((?:\?(?:(:|=|!)|P?<([A-Za-z_]\w*)>))?/;
const repeat = /^(?:([*+?])|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})\??/;
/** What one of the two reads as a repeat and {@link repeat} does not: taken for plain characters it would match something else. */
const strangeRepeat = /\{(?:\d+(?:,\d*)?|,\d+)\}/y;
const inClass = /^\[(?:\\.|[^\]\\])+\]/;

/** A regular expression as a tree. Errors: `TARGET_PATTERN_INVALID`, also for look-behind, back references and flags. */
export function parsePattern(pattern: string): PatternNode {
  let at = 0;
  const fail = (what: string, cause?: unknown): never => {
    throw new PeftError('TARGET_PATTERN_INVALID', {
      found: `target pattern "${pattern.length > 60 ? `${pattern.slice(0, 60)}…` : pattern}": ${what} at place ${at}`,
      expected: 'a regular expression of characters, classes, groups, alternatives, repeats, anchors and look-ahead',
      fix: 'pass a list of names instead, ["query", "value"] for example',
      cause,
    });
  };
  const take = (expression: RegExp): RegExpExecArray | null => {
    const found = expression.exec(pattern.slice(at, at + 4096));
    at += found?.[0].length ?? 0;
    return found;
  };

  const readAlternatives = (depth: number): PatternNode => {
    if (depth > maxDepth) fail(`groups nested deeper than ${maxDepth}`);
    const parts = [readSequence(depth)];
    while (pattern[at] === '|') {
      at++;
      parts.push(readSequence(depth));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'alternatives', parts };
  };
  const readSequence = (depth: number): PatternNode => {
    const parts: PatternNode[] = [];
    while (at < pattern.length && pattern[at] !== '|' && pattern[at] !== ')') parts.push(readRepeated(depth));
    return { kind: 'sequence', parts };
  };
  const readRepeated = (depth: number): PatternNode => {
    const part = readAtom(depth);
    const found = take(repeat);
    strangeRepeat.lastIndex = at;
    if (!found && strangeRepeat.test(pattern))
      fail('a repeat of more than 9999, or one that Python and JavaScript read differently');
    if (!found) return part;
    if (part.kind === 'assert' || part.kind === 'look') fail('a repeat of something without width');
    if (repeat.test(pattern.slice(at, at + 16))) fail('a repeat of a repeat');
    const [, sign, least, comma, most] = found;
    if (sign) return { kind: 'repeat', part, least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : Infinity };
    const low = Number(least);
    const high = most !== undefined ? Number(most) : comma ? Infinity : low;
    if (high < low) fail('a repeat of less than nothing');
    return { kind: 'repeat', part, least: low, most: high };
  };
  const readAtom = (depth: number): PatternNode => {
    const character = pattern[at]!;
    switch (character) {
      case '(': {
        const [, kind] = take(groupStart)!;
        if (pattern[at] === '?') fail('look-behind or flags');
        const part = readAlternatives(depth + 1);
        if (pattern[at] !== ')') fail('a group without end');
        at++;
        return kind === '=' || kind === '!' ? { kind: 'look', part, negative: kind === '!' } : part;
      }
      case '[': {
        const found = take(inClass);
        return found ? single(found[0]) : fail('a class without end, or an empty one');
      }
      case '\\':
        return readEscape();
      case '*':
      case '+':
      case '?':
        return fail('a repeat of nothing');
      case '^':
        at++;
        return { kind: 'assert', test: (_, position) => position === 0 };
      case '$':
        at++;
        return { kind: 'assert', test: (text, position) => position === text.length };
      case '.':
        at++;
        return single('.');
      default:
        at++;
        return { kind: 'character', test: (other) => other === character };
    }
  };
  const readEscape = (): PatternNode => {
    const character = pattern[at + 1];
    if (character === undefined) return fail('a backslash at the end');
    at += 2;
    if ('dDwWsS'.includes(character)) return single(`\\${character}`);
    if (character === 'b' || character === 'B')
      return { kind: 'assert', test: (text, position) => isBoundary(text, position) === (character === 'b') };
    if (/[A-Za-z0-9]/.test(character)) return fail(`the escape "\\${character}"`);
    return { kind: 'character', test: (other) => other === character };
  };
  /** Of one character `RegExp` can be trusted with: there is nothing to try twice. */
  const single = (source: string): PatternNode => {
    try {
      const expression = new RegExp(`^${source}$`);
      return { kind: 'character', test: (character) => expression.test(character) };
    } catch (cause) {
      return fail('a class that makes no sense', cause);
    }
  };

  const node = readAlternatives(0);
  if (at < pattern.length) fail('a closing bracket without an opening one');
  return node;
}

const isBoundary = (text: string, position: number) => isWord(text[position - 1]) !== isWord(text[position]);
const isWord = (character: string | undefined) => character !== undefined && /\w/.test(character);
