/**
 * What tells one label from another: its text in Unicode's composed form without outer spaces, and whole numbers without a fraction of
 * zeros. So 1 and 1.0 (a table that once had a gap in the column) and the two ways to write é are one label.
 */
export const labelKey = (label: string): string => {
  const text = label.trim().normalize('NFC');
  return /^[+-]?\d+\.0+$/.test(text) ? text.slice(0, text.indexOf('.')) : text;
};
