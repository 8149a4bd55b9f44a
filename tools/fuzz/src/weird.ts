import type { Random } from './random.js';

/** Numbers at which readers break: bounds of sizes, of integers, of halves. */
export const weirdNumbers: readonly number[] = [
  0,
  -0,
  1,
  -1,
  2,
  3,
  7,
  8,
  64,
  127,
  128,
  255,
  256,
  4095,
  65535,
  65536,
  2 ** 24 + 1,
  2e7,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e21,
  1e300,
  -1e300,
  5e-324,
  0.5,
  2.5,
  -2.5,
  1e-7,
];
export const weirdTexts: readonly string[] = [
  '',
  ' ',
  '.',
  '..',
  '../..',
  '/',
  '\\',
  '0',
  '-1',
  '3',
  'null',
  'true',
  'NaN',
  'toString',
  'constructor',
  '__proto__',
  'prototype',
  'valueOf',
  'hasOwnProperty',
  'length',
  'then',
  '\u0000',
  '\u001b[31mred\u001b[0m',
  '\u2028',
  '\ufeff',
  '\ud800',
  '\u{1f600}',
  'e\u0301',
  '<script>',
  '%s%n',
  '${x}',
  'a'.repeat(300),
  '(a+)+$',
  '(?=(?=a*)*)*',
  '.*.*.*.*=',
  '((((((((',
  '[',
  'data:text/javascript,0',
  'file:///etc/passwd',
  'CON',
];

/** Any JSON, mostly small. */
export function weirdJson(random: Random, depth = 2): unknown {
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
    case 3:
      return random.pick(weirdNumbers);
    case 4:
    case 5:
      return random.pick(weirdTexts);
    case 6:
      return Array.from({ length: random.below(4) }, () => weirdJson(random, depth - 1));
    case 7:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [random.pick(weirdTexts), weirdJson(random, depth - 1)]),
      );
    default:
      // Much of the same: what costs more than linear time shows here.
      return random.chance(0.5)
        ? Array.from({ length: 1 << random.below(11) }, (_, i) => (random.chance(0.01) ? null : `x${i}`))
        : Object.fromEntries(Array.from({ length: 1 << random.below(11) }, (_, i) => [`x${i}`, i]));
  }
}
