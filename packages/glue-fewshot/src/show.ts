import { dataLimits } from './data-limits.js';

/** A text in double quotes for a message, cut where it is long: a file without a header has a whole text as column name. */
export const show = (text: string): string =>
  `"${text.length > dataLimits.shownCharacters ? `${text.slice(0, dataLimits.shownCharacters)}…` : text}"`;
