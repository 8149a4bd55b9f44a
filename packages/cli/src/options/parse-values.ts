import { InvalidArgumentError } from 'commander';

/** A tab is hard to type. */
export const character = (text: string): string => (text === '\\t' ? '\t' : text);

/** A text in which `\\n` and `\\t` stand for a line break and a tab, which are hard to type. */
export const escapedText = (text: string): string => text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');

/** Names separated by commas. */
export const list = (text: string): string[] => {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.some((entry) => entry === '')) throw new InvalidArgumentError('It must be names separated by commas.');
  return entries;
};

/** An option that may be repeated. */
export const collect = (text: string, earlier: readonly string[]): string[] => [...earlier, text];

/** An option that may be repeated, and says nothing where it is empty. */
export const collectTexts = (text: string, earlier: readonly string[]): string[] => {
  if (text === '') throw new InvalidArgumentError('It must have a character.');
  return collect(text, earlier);
};

/** A number. */
export const decimal = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
};

/** A number above 0. */
export const positive = (text: string): number => {
  const value = decimal(text);
  if (value <= 0) throw new InvalidArgumentError('It must be above 0.');
  return value;
};

/** A whole number from 1. */
export const wholeNumber = (text: string): number => parseWhole(text, 1);
/** A whole number from 0. */
export const wholeNumberOrZero = (text: string): number => parseWhole(text, 0);

function parseWhole(text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value))
    throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
  return value;
}

/** `3/10`: the share 3 of the shares 0 to 9. */
export const shard = (text: string): { readonly index: number; readonly of: number } => {
  const [, index, of] = (/^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? []).map(Number);
  if (index === undefined || of === undefined || index >= of)
    throw new InvalidArgumentError('It must be a share such as 0/10 to 9/10.');
  return { index, of };
};
