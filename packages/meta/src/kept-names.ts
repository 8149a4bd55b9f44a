/** Whether a parameter is one of those that the inner loop leaves alone: named whole, or below a name. */
export const isKept = (name: string, keeps: readonly string[]): boolean =>
  keeps.some((kept) => name === kept || name.startsWith(`${kept}.`));
