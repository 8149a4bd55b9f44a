import { PeftError } from '@tfjs-peft/peft-core';

/** Data seeds in the order in which they are used: the list of LM-BFF (Gao et al. 2020). */
const usualDataSeeds: readonly number[] = [13, 21, 42, 87, 100];

/** `3` is the first three of the usual seeds, `13,21` are these two. Errors: `USAGE`. */
export function parseDataSeeds(text: string): number[] {
  if (text.includes(',')) return seedList(text, '--seeds');
  const count = wholeNumber(text, '--seeds');
  if (count >= 1 && count <= usualDataSeeds.length) return usualDataSeeds.slice(0, count);
  throw new PeftError('USAGE', {
    found: `--seeds ${text}`,
    expected: `how many of ${usualDataSeeds.join(', ')} (1 to ${usualDataSeeds.length}), or a list such as 13,21`,
    fix: `for the one seed ${text} write --seed ${text}`,
  });
}

/** `2` is 0 and 1, `3,7` are these two. Errors: `USAGE`. */
export function parseTrainSeeds(text: string): number[] {
  if (text.includes(',')) return seedList(text, '--train-seeds');
  const count = wholeNumber(text, '--train-seeds');
  if (count >= 1 && count <= 100) return Array.from({ length: count }, (_, seed) => seed);
  throw new PeftError('USAGE', {
    found: `--train-seeds ${text}`,
    expected: 'how many, 1 to 100, or a list such as 0,7',
  });
}

const seedList = (text: string, option: string): number[] =>
  text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => wholeNumber(part.trim(), option));

function wholeNumber(text: string, option: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 0xffffffff) return Number(text);
  throw new PeftError('USAGE', {
    found: `${option}: "${text}"`,
    expected: 'whole numbers from 0 to 4294967295',
    fix: `write ${option} 3, or ${option} 13,21`,
  });
}
