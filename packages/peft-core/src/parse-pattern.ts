import { PeftError } from './errors.js';

export type PatternNode =
  | { readonly kind: 'character'; readonly test: (character: string) => boolean }
  | { readonly kind: 'assert'; readonly test: (text: readonly string[], position: number) => boolean }
  | { readonly kind: 'sequence' | 'alternatives'; readonly parts: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly part: PatternNode;
      readonly least: number;
      readonly most: number;
      readonly lazy: boolean;
    }
  | { readonly kind: 'look'; readonly part: PatternNode; readonly negative: boolean };

const maxDepth = 32;
const groupStart = /^\((?:\?(?:(:|=|!|i:)|P?<([A-Za-z_]\w*)>))?/;
const repeat = /^(?:([*+?])|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})(\??)/;
/** What one of the two reads as a repeat and {@link repeat} does not: taken for plain characters it would match something else. */
const strangeRepeat = /\{(?:\d+(?:,\d*)?|,\d+)\}/y;
const inClass = /^\[(?:\\.|[^\]\\])+\]/;
const properties = /^\\[pP](?:\{[\w=]+\}|[LNPSZCM])/;
const codePoint = /^\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|u?x?\{([0-9A-Fa-f]{1,6})\})/;
const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v' };

export interface PatternDialect {
  /** What Unicode expressions of tokenizers know besides: `\p{L}`, `\n`, `\u3000`, `(?i:…)`. */
  readonly unicode?: boolean;
}

/** A regular expression as a tree. Errors: `TARGET_PATTERN_INVALID`, also for look-behind, back references and other flags. */
export function parsePattern(pattern: string, { unicode = false }: PatternDialect = {}): PatternNode {
  let at = 0;
  let ignoreCase = false;
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
    const [, sign, least, comma, most, question] = found;
    const lazy = question !== '';
    if (sign) return { kind: 'repeat', part, least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : Infinity, lazy };
    const low = Number(least);
    const high = most !== undefined ? Number(most) : comma ? Infinity : low;
    if (high < low) fail('a repeat of less than nothing');
    return { kind: 'repeat', part, least: low, most: high, lazy };
  };
  const readAtom = (depth: number): PatternNode => {
    const character = pattern[at]!;
    switch (character) {
      case '(': {
        const [, kind] = take(groupStart)!;
        if (pattern[at] === '?' || (kind === 'i:' && !unicode)) fail('look-behind or flags');
        const outside = ignoreCase;
        ignoreCase ||= kind === 'i:';
        const part = readAlternatives(depth + 1);
        ignoreCase = outside;
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
      default: {
        const whole = unicode ? String.fromCodePoint(pattern.codePointAt(at)!) : character;
        at += whole.length;
        return literal(whole);
      }
    }
  };
  const literal = (wanted: string): PatternNode =>
    ignoreCase
      ? { kind: 'character', test: (other) => other.toLowerCase() === wanted.toLowerCase() }
      : { kind: 'character', test: (other) => other === wanted };
  const readEscape = (): PatternNode => {
    const character = pattern[at + 1];
    if (character === undefined) return fail('a backslash at the end');
    if (unicode) {
      const property = take(properties);
      if (property) return single(property[0].length === 3 ? `\\${character}{${property[0][2]}}` : property[0]);
      const [, ...digits] = take(codePoint) ?? [];
      const code = digits.find(Boolean);
      if (code !== undefined)
        return Number.parseInt(code, 16) > 0x10ffff
          ? fail('no character')
          : literal(String.fromCodePoint(Number.parseInt(code, 16)));
      const control = controls[character];
      if (control !== undefined) {
        at += 2;
        return literal(control);
      }
    }
    at += 2;
    if ('dDwWsS'.includes(character)) return single(`\\${character}`);
    if (character === 'b' || character === 'B')
      return { kind: 'assert', test: (text, position) => isBoundary(text, position) === (character === 'b') };
    if (/[A-Za-z0-9]/.test(character)) return fail(`the escape "\\${character}"`);
    return literal(character);
  };
  /** Of one character `RegExp` can be trusted with: there is nothing to try twice. */
  const single = (source: string): PatternNode => {
    try {
      const expression = new RegExp(
        `^${unicode ? withoutNeedlessEscapes(source) : source}$`,
        `${unicode ? 'u' : ''}${ignoreCase ? 'i' : ''}`,
      );
      // Most characters of most texts are ASCII.
      const known = new Map<string, boolean>();
      const test = (character: string) => {
        let found = known.get(character);
        if (found === undefined) {
          found = expression.test(character);
          if (known.size < 256) known.set(character, found);
        }
        return found;
      };
      return { kind: 'character', test };
    } catch (cause) {
      return fail('a class that makes no sense', cause);
    }
  };

  const node = readAlternatives(0);
  if (at < pattern.length) fail('a closing bracket without an opening one');
  return node;
}

/** Python and Rust let any punctuation be escaped, `RegExp` with `u` only what means something. */
const withoutNeedlessEscapes = (source: string) => source.replace(/\\([^\w\s^$\\.*+?()[\]{}|/-]|_)/g, '$1');

const isBoundary = (text: readonly string[], position: number) => isWord(text[position - 1]) !== isWord(text[position]);
const isWord = (character: string | undefined) => character !== undefined && /\w/.test(character);
